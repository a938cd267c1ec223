"""Where a simulated receiver's bytes go: pseudo-terminal, TCP, UDP, standard output."""
