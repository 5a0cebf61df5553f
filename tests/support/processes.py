"""Which processes a process has started, seen from outside."""

from pathlib import Path


def descendants(pid: int) -> set[int]:
    """The ids of all processes below this one."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:  # it has ended
            continue
        children.setdefault(int(parent), []).append(int(folder.name))
    found: set[int] = set()
    ahead = [pid]
    while ahead:
        ahead += (below := children.get(ahead.pop(), []))
        found.update(below)
    return found


def state(pid: int) -> str:
    """Its state as proc(5) writes it, such as R (runs), S (sleeps) or T (stopped); "" when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def alive(pid: int) -> bool:
    """Whether it runs; one that has ended and that nobody has waited for does not."""
    return state(pid) not in ("", "Z")
