"""The demo: the whole system on one machine, from recorded or drawn drives to the event stream.

It knows the other programs only as their users do: by command, by HTTP, by exported text. `plan`
decides who drives what, how fast and past which fences; `tracks` finds or draws the drives;
`programs` starts and stops processes, `vehicle` knows the files of one van; `watch` reads the
server, `screen` shows it; `account` compares the buffers with the table; `show` leads through it.
"""
