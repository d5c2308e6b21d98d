"""Whether the volumes that carry data and WAL take a durable write, and the server a connection, in time."""
