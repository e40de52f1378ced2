"""What-if questions about a fleet, answered by the simulator: response times with intervals, variations, targets.

A *replication* is one simulated run with a seed of its own; a *row* is what it measured. A row is a pure function of
(scenario, seed), so rows can be computed by any number of processes and compared between scenarios. Nothing here
touches the operating system.
"""

from __future__ import absolute_import, division, print_function
