"""How bytes reach a device: serial lines and sockets, USB, and the thread that keeps one open."""
