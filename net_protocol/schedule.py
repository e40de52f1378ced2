"""The times of the protocol. Those that depend on others are derived from them."""

from __future__ import absolute_import, division, print_function

#: The longest delay of an acknowledgement. QUIC's default is 25 ms (RFC 9000 section 18.2).
ACK_DELAY_S = 0.02

#: The probe time-out: its value before the first measured round trip, its bounds, and the largest random factor, which
#: keeps a thousand senders that lost the same peer from probing at the same time.
PROBE_FIRST_S = 0.5
PROBE_MIN_S = 0.05
PROBE_MAX_S = 4.0
JITTER_MAX = 1.5

#: Probe time-outs in a row after which everything in flight is taken for lost and the congestion window is minimal.
PROBES_TO_COLLAPSE = 3

#: A peer that is heard and leaves a datagram unacknowledged for so many time-outs and so long is unreachable.
PROBES_TO_UNREACHABLE = 4
#: More than so many of these probes must leave after the peer is heard again: it may have been frozen before.
PROBES_WHILE_HEARD = 2
UNREACHABLE_S = 1.0

#: A channel of the dispatcher on which nothing was heard for so long sleeps.
SLEEP_S = 30.0

#: How long a ticket that opened no channel is valid.
TICKET_S = 30.0

#: A calculator that holds attempts, was sent nothing and was not heard for so long gets a ping: only a sent datagram
#: can cause the ICMP error which says that no process listens any more.
PING_AFTER_S = 0.25

#: After an ICMP error, which can be forged: the number of pings, and the time between them and until the verdict.
HINT_PINGS = 3
HINT_PING_S = 0.1

#: A client with open tasks that sent nothing for so long sends a ping: the answer shows whether the dispatcher
#: restarted.
PING_INTERVAL_S = 5.0

#: A client or calculator that heard nothing for so long resolves the dispatcher's name again and tries another port.
QUIET_S = 5.0

#: How long an orphan of an unknown task is kept: after a restart of the dispatcher, its client pings within
#: ``PING_INTERVAL_S``, and a lost datagram costs some seconds more.
ORPHAN_GRACE_S = PING_INTERVAL_S + 7.0

#: How long after the deadline a client waits for the outcome, which the dispatcher sends at the deadline: three probe
#: time-outs without a measured round trip.
OUTCOME_GRACE_S = (1 + 2 + 4) * PROBE_FIRST_S * JITTER_MAX
