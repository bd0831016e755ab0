"""A compiler that knows the protocol: what is encryption, what a key, what a clone.

- :mod:`~backends.compiling.protocol.compiler`: settings of a point in, native circuits out.
- :mod:`~backends.compiling.protocol.single`: the search for one instance of the protocol.
- :mod:`~backends.compiling.protocol.multi`: that for several, GHZ states and clones of clones.
- :mod:`~backends.compiling.protocol.patterns`: placements on ideal lattices, to start from.
- :mod:`~backends.compiling.protocol.core`: what these share.
- :mod:`~backends.compiling.protocol.score`: the exact score of a compiled circuit.

A search is made in the same steps for one instance and for several. ``recognition`` reads logical
circuits and says what is to be placed (a ``problem``); ``starts`` draw placements at random;
``annealing`` changes them by ``moves``, writes a ``program`` of Pauli gates for each, lowers it to
the device and prices it; a ``tournament`` of such runs finds the best, which the ``cache`` keeps;
``circuits`` writes it down.
"""
