"""Measures the real programs from outside and compares them with other systems: ``python3 -m benchmarks --help``.

The harness runs on 3.x. It can run our programs on every Python that they support.
"""
