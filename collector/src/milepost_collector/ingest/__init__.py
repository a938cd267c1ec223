"""From message to committed row, event and ack.

`arrival` reads a message, `waiting` holds the newest of each device, `settle` decides what a
transaction writes and answers, `transaction` carries it out, `gathering` says how long the next one
waits. `statuses` holds what units say of themselves. `broker` speaks MQTT, `shards` says which
shards of devices are ours, `holding` keeps them, `process` is the program that runs them all.
"""
