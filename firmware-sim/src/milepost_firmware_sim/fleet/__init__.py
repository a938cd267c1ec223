"""A whole fleet in one process: many vehicles that speak the real protocol to a real broker.

`track` says where a vehicle is; `buffer` holds what it committed; `vehicle` is one unit without its
network: the real sender, codec and packing over that buffer, with the time as an argument. `mishap`
draws who restarts and who loses the link. These are pure, and so are `figures`.

`link` is one MQTT connection on the event loop, `unit` joins vehicle, link and timers, `convoy`
drives all units; `truth` writes what was committed, `verdict` compares it with the table, `screen`
shows the progress; `show` leads through a run and `command` is its command line.
"""
