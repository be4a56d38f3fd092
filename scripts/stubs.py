"""Makes the Python stubs of the contract: `proto/signalbox/**/*.proto` -> `*_pb2.py`, `*_pb2.pyi`, `*_pb2_grpc.py`.

The stubs are committed, so that using Signalbox needs no compiler for protos. Without arguments they are written into
`proto/`; with `--check` they are made in a temporary folder and compared, and the exit code is 1 when one is stale.
`google/rpc/*.proto` is only imported: its stubs come with the package googleapis-common-protos.
"""

from __future__ import annotations

import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

PROTO = Path(__file__).resolve().parent.parent / "proto"
PATTERNS = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py")


def main(arguments: list[str]) -> int:
    """Writes or, with `--check`, compares; returns the exit code."""
    if arguments not in ([], ["--check"]):
        print("usage: python scripts/stubs.py [--check]", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        fresh = make_stubs(Path(folder))
    if arguments:
        return report(stale_stubs(fresh, committed_stubs()))
    write_stubs(fresh)
    return 0


def make_stubs(target: Path) -> dict[str, bytes]:
    """Runs protoc into `target`; returns each stub's content by its path below `proto/`."""
    sources = sorted(str(path.relative_to(PROTO)) for path in PROTO.glob("signalbox/**/*.proto"))
    services = [source for source in sources if source.endswith("_service.proto")]
    for kind, wanted in (("python", sources), ("pyi", sources), ("grpc_python", services)):
        run_protoc(f"--{kind}_out={target}", wanted)
    return read_stubs(target)


def run_protoc(output: str, sources: list[str]) -> None:
    """Makes one kind of stub."""
    builtin = files("grpc_tools") / "_proto"
    code = protoc.main(["protoc", f"-I{PROTO}", f"-I{builtin}", output, *sources])
    if code != 0:
        raise SystemExit(f"stubs: protoc refused the contract (exit code {code}; its own words are above).")


def committed_stubs() -> dict[str, bytes]:
    """The stubs that stand in `proto/` now."""
    return read_stubs(PROTO)


def read_stubs(root: Path) -> dict[str, bytes]:
    """Every stub below `root`, by its path from there."""
    found = (path for pattern in PATTERNS for path in root.glob(f"signalbox/**/{pattern}"))
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


def stale_stubs(fresh: dict[str, bytes], committed: dict[str, bytes]) -> list[str]:
    """The paths whose content is not what the protos make: changed, missing, or left over from a proto that went."""
    return sorted(path for path in fresh.keys() | committed.keys() if fresh.get(path) != committed.get(path))


def write_stubs(fresh: dict[str, bytes]) -> None:
    """Puts the stubs into `proto/` and takes away those whose proto is gone."""
    for path in stale_stubs(fresh, committed_stubs()):
        target = PROTO / path
        if path in fresh:
            target.write_bytes(fresh[path])
        else:
            target.unlink()
        print(f"stubs: proto/{path}")


def report(stale: list[str]) -> int:
    """Prints what is stale; returns the exit code."""
    if not stale:
        return 0
    print(
        "stubs: the committed stubs do not fit proto/*.proto any more. Run `make stubs` and commit what it writes:",
        *(f"  proto/{path}" for path in stale),
        sep="\n",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
