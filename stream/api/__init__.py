"""What others may ask Shoal: the read model, REST, server-sent events, the web page.

Lives here: a read model fed from the output topics, and the HTTP around it.
Never here: the engine's own rows, writing to a topic, Faust.
"""
