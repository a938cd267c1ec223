"""Delivery: end to end, in order, exactly once in effect, over a broker that may lose anything.

Two pure halves that are told what happened and say what to do:

- `sender` lives in the vehicle: what to send now (made into batches by `packing`), and what an ack
  means for the buffer (an `effect`).
- `admission` lives in the collector: which part of a batch is new, judged by the locked row.

Invariants, which the model test in `tests/schemas/test_delivery_model.py` attacks:

1. A number of a stream means one fix for ever. A stream is one run of the agent: 8 random bytes.
2. The device never believes more to be stored than the database once said was stored.
3. A fix is applied only when all numbers before it are stored or accounted for, and only once.
4. Whatever a device still holds is delivered in the end, also to a database that forgot it.
"""
