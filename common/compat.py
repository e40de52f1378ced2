"""Differences between 2.7 and 3.x for the pure code.

Each branch, here and in other files, has the comment "until 2.7 goes", so that one search finds what can be deleted
then.
"""

from __future__ import absolute_import, division, print_function

#: The type of a decoded text: ``unicode`` on 2.7, ``str`` on 3.x.
text_type = type(u'')

#: Types of texts from our own code (a literal is a ``str`` on 2.7, until 2.7 goes).
TEXT_TYPES = (text_type, str)

#: Types of whole numbers. ``bool`` is a subclass of ``int``, so always compare ``type(value)``. On 2.7 a number above
#: 63 bits is a ``long`` (until 2.7 goes).
INTEGER_TYPES = (int, type(1 << 64))
