"""What the parts share and is no protocol: the schema of the settings, random lengths, the quantile sketch, sentences.

As pure as ``net_protocol``, which imports it.
"""

from __future__ import absolute_import, division, print_function
