"""What two major versions of Python force on the pure code, in one place.

Each branch, here and wherever else one stands, is tagged "until 2.7 goes", so that one search finds all that can be
deleted then.
"""

from __future__ import absolute_import, division, print_function

#: The type of a decoded text: ``unicode`` on 2.7, ``str`` on 3.x.
text_type = type(u'')

#: Types that count as text where our own code made the value (a literal is a ``str`` on 2.7, until 2.7 goes).
TEXT_TYPES = (text_type, str)

#: Types that count as a whole number. ``bool`` is a subclass of ``int``, so always compare ``type(value)``.
#: On 2.7 a number past 63 bits is a ``long`` (until 2.7 goes).
INTEGER_TYPES = (int, type(1 << 64))
