"""The limits of the protocol, and the reasons for their numbers.

Both ends of a datagram must agree on them. Limits of what one process keeps (queue, calculators, remembered outcomes)
are settings of that process.
"""

from __future__ import absolute_import, division, print_function

from common.bounds import NAME_CHARS_MAX, REASON_CHARS_MAX, SECONDS_MAX  # noqa: F401

#: Bytes of a datagram with several messages. An Ethernet frame takes 1,500 bytes, IPv6 and UDP headers 48; 1,400 leaves
#: room for one or two tunnels, so that nothing is fragmented. A datagram is lost if one of its fragments is. (QUIC
#: starts from 1,200, RFC 9000 section 14; DNS uses 1,232.)
COALESCED_BYTES = 1400

#: The same to a process on this machine: the loopback interface does not fragment 65,536 bytes. Five times as many
#: messages share the fixed cost of a datagram (two system calls, an envelope, a checksum).
COALESCED_LOCAL_BYTES = 8000

#: Bytes of one payload or result as JSON. A larger message travels alone, in fragments. UDP over IPv4 carries
#: 65,507 bytes at most.
PAYLOAD_BYTES_MAX = 60000

#: Bytes of any datagram: the largest payload and everything around it (ids and numbers are bounded below).
DATAGRAM_BYTES_MAX = 62000

#: Bytes that the list of attempts in one page of a heartbeat can take; what is left of a coalesced datagram is for the
#: fields around it.
HEARTBEAT_LIST_BYTES = 900

#: Bytes that the rows in one page of a status report can take; what is left of a coalesced datagram is for the fields
#: around them.
REPORT_ROWS_BYTES = 1000

#: Nesting of a payload. The json module fails near 1,000.
DEPTH_MAX = 32

#: A whole number inside a payload or field fits in 64 bits: other languages read it exactly, and Python 3.11 and
#: later refuse to print numbers of more than 4,300 digits.
INTEGER_MAX = 2 ** 64

#: Characters of an incarnation: 40 random bits in eight characters of base 32.
INCARNATION_CHARS = 8

#: Characters of a task id: client's name, incarnation and a number, with colons between.
TASK_ID_CHARS_MAX = NAME_CHARS_MAX + INCARNATION_CHARS + 22

#: Characters of the parts of a failure of a call: a line for a person, the type of an exception, its traceback, and
#: what was written to standard error. Together they fit in a datagram, even if each is escaped as two surrogates.
FAILURE_CHARS_MAX = {u'message': 300, u'type': 100, u'traceback': 2500, u'stderr': 1200}

#: Characters of the name of a function, and functions of a calculator.
FUNCTION_CHARS_MAX = 100
FUNCTIONS_MAX = 500

#: Levels of priority: 0 to 9.
PRIORITY_MAX = 9
PRIORITY_DEFAULT = 5

#: Attempts that one calculator may run at a time.
CAPACITY_MAX = 10000

#: Unacknowledged results of a calculator. Above, it takes no new work. A heartbeat may name so many assignments more
#: than the capacity.
UNREPORTED_MAX = 1000

#: Bytes of a datagram that asks for a greeting: no shorter than a signed greeting with the longest name.
HELLO_BYTES = 400

#: Characters of a ticket: time of issue and 40 bits, both in hexadecimal digits.
TICKET_CHARS_MAX = 40

#: Ranges of numbers acknowledged in one datagram.
ACK_RANGES_MAX = 32

#: Channels of a dispatcher. Above, the one that has slept longest is closed. If none sleeps, no other is opened.
CHANNELS_MAX = 50000

#: The receive window: for so many numbers, up to the highest received one, it is known whether each was received.
RECEIVE_WINDOW = 1024

#: The largest distance of a datagram's number from the highest received one, and of a task's number from ``open``.
NUMBERS_AHEAD_MAX = 2 ** 20

#: Rows in one datagram. The smallest row takes 2 bytes; a datagram of 8,000 bytes holds some 400 of the usual ones.
ROWS_MAX = 5000

#: Ranges of assignment numbers in one page of a heartbeat: a range takes at most 36 bytes.
HELD_RANGES_MAX = 1000

#: Attempts of one task, and any other counter on the wire.
COUNT_MAX = 2 ** 53

#: Seconds between two heartbeats.
HEARTBEAT_INTERVAL_MIN_S = 0.05
HEARTBEAT_INTERVAL_MAX_S = 3600

#: Pages of one heartbeat: enough for the largest capacity with the longest ids.
PAGES_MAX = 2000
