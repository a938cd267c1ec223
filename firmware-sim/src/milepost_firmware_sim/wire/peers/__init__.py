"""Other formats for the same fixes, each as small as its description allows.

Each module says where its format is described and what of a fix it cannot carry. All take a batch
and return the messages that carry it. Formats that are ours to lay out (msgpack, protobuf) carry
the header and all columns, so that they do the same work as a batch; formats of products carry what
they have.
"""
