"""`onecard conform`: numbered tests of the national functions against any library or our daemon.

A test lays cards on the stage (`stage`), calls functions of a subject (`subject`: a library in a
child process, or the daemon by frames), and compares with what the table of the interface says.
"""
