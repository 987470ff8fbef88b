/* A protocol is one file here and one line: PROTOCOL(name). */
PROTOCOL(http)
PROTOCOL(echo)
PROTOCOL(zen)
