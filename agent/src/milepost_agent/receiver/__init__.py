"""The receiver: from whatever link it hangs on to fixes."""

from milepost_agent.receiver.address import ReceiverError
from milepost_agent.receiver.link import ReceiverState
from milepost_agent.receiver.receiver import Receiver

__all__ = ["Receiver", "ReceiverError", "ReceiverState"]
