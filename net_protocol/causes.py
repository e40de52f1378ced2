"""Why a call has no result: the ``cause`` in the object of a ``failed`` row."""

from __future__ import absolute_import, division, print_function

EXCEPTION = 'exception'
#: The result can't be sent: no JSON, or too large.
RESULT = 'result'
SIGNAL = 'signal'
EXIT = 'exit'
MEMORY = 'memory'
TIME = 'time'
#: The child wrote an invalid answer, or closed its output.
PROTOCOL = 'protocol'

#: Deaths of the child. They lead to another attempt, and so does EXCEPTION if the call has ``retry_on_error``.
DEATHS = frozenset([SIGNAL, EXIT, MEMORY, TIME, PROTOCOL])
#: Deaths that only the call can have caused.
LIMITS = frozenset([MEMORY, TIME])
#: A tuple, because a value in a datagram may be unhashable.
CAUSES = (EXCEPTION, RESULT, SIGNAL, EXIT, MEMORY, TIME, PROTOCOL)
