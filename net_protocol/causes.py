"""Why a call has no result: the ``cause`` in the object of a ``failed`` row."""

from __future__ import absolute_import, division, print_function

EXCEPTION = 'exception'
#: The result can't be sent: no JSON, or too large.
RESULT = 'result'
SIGNAL = 'signal'
EXIT = 'exit'
MEMORY = 'memory'
TIME = 'time'
#: The child wrote something that is no answer, or closed its output.
PROTOCOL = 'protocol'

#: These end the task, unless its client wants another attempt after an exception.
EXCEPTIONS = frozenset([EXCEPTION, RESULT])
#: These are deaths of the child, and lead to another attempt.
DEATHS = frozenset([SIGNAL, EXIT, MEMORY, TIME, PROTOCOL])
#: Deaths for which only the call is to blame.
LIMITS = frozenset([MEMORY, TIME])
#: A tuple, because what a datagram names may have no hash.
CAUSES = (EXCEPTION, RESULT, SIGNAL, EXIT, MEMORY, TIME, PROTOCOL)
