"""From message to committed row, event and ack.

`arrival` reads a message, `waiting` holds the newest of each device, `settle` decides what a
transaction writes and answers, `transaction` carries it out, `broker` speaks MQTT, `process` is the
program that runs them.
"""
