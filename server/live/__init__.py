"""Socket.IO namespaces: the server pushes, the record is never written from here alone."""
