"""How fast, against what: ``python3 -m benchmarks --help``.

This folder measures the real programs from outside and compares them with other systems; nothing here is needed to run
them. It runs on 3.x; what it measures of ours runs on any Python that the programs run on.
"""
