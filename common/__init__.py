"""What all parts share: the schema of the settings, random lengths, the quantile sketch, sentences.

Pure, like ``net_protocol``, which imports it.
"""

from __future__ import absolute_import, division, print_function
