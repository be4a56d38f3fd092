"""Version 1 of the contract. The `*_pb2*` modules are generated from the protos beside them: `make stubs`."""
