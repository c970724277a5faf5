"""Where crystals come from: databases on the network and files, behind one protocol.

:func:`materials.sources.registry.open_source` makes a source of a text such as
``optimade:cod``; :func:`materials.sources.pull.pull` brings what it has into one crystal
table. Each outside service has one file here, which owns its optional import.
"""
