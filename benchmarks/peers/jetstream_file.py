"""NATS JetStream with its stream on disk."""

from __future__ import absolute_import, division, print_function

from benchmarks.peers import jetstream

TITLE = 'NATS JetStream work queue, on disk'
USED = 'as the one in memory; its file is written at once and synced every two minutes, as is the default'
GUARANTEE, COMMANDS, MODULES = jetstream.GUARANTEE, jetstream.COMMANDS, jetstream.MODULES

broker = jetstream.broker
ask = jetstream.ask


def work(port):
    jetstream.work(port, storage='file')
