"""Which customers are alike: learned on line, merged over partitions, frozen into versions.

Here live river's micro-clusters of one partition, their merging into four to six named clusters,
the frozen model that customers are assigned against, and the drift signal. Vectors come in as
plain tuples, everything that goes out is bytes or plain values: no type of river or numpy leaves
the room. Which features make a vector and who is told of a cluster never lives here.
"""
