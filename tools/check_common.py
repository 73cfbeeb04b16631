"""What the check_* scripts share: which files there are, C text without comments, and how violations are told."""

import concurrent.futures
import hashlib
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Each room and the rooms that it may include (doc/architecture.md).
BELOW = {
    "base": [],
    "protocol": ["base"],
    "parser": ["base", "protocol"],
    "cluster": ["base", "protocol"],
    "router": ["base", "protocol", "parser", "cluster"],
    "pool": ["base", "protocol", "cluster"],
    "session": ["base", "protocol", "parser", "cluster", "router", "pool"],
    "replication": ["base", "protocol", "parser", "cluster", "router"],
    "admin": ["base", "protocol", "parser", "cluster", "router", "pool", "session", "replication"],
}
BELOW["server"] = list(BELOW)
ROOMS = list(BELOW)

COMPILE_FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-I.", "-isystem", "/usr/include/mariadb",
                 '-DWAYBILL_VERSION="check"']
WARNING_FLAGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Wswitch-enum",
                 "-Wmissing-prototypes", "-Wvla", "-Wformat=2", "-Wundef"]
JOBS = max(2, min(4, os.cpu_count() or 2))


def room_of(path):
    """The room that a file belongs to: base/list.c -> base, tests/unit/base/test_list.c -> tests."""
    return path.split("/", 1)[0]


def c_files(suffixes=(".c", ".h"), tests=True):
    """All C files, or those under the paths given as arguments; relative to the project's root."""
    os.chdir(ROOT)
    wanted = [os.path.relpath(os.path.abspath(a), ROOT) for a in sys.argv[1:] if not a.startswith("-")]
    found = []
    for top in ROOMS + (["tests"] if tests else []):
        for folder, _, names in os.walk(top):
            found += [os.path.join(folder, name) for name in names if name.endswith(suffixes)]
    return sorted(f for f in found
                  if not wanted or any(f == w or f.startswith(w.rstrip("/") + "/") for w in wanted))


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def code_lines(path):
    """The lines of a C file with comments blanked and the insides of strings removed; line numbers stay true."""

    def blank(match):
        text = match.group(0)
        if text[0] in "\"'":
            return text[0] + text[0]
        return " " + "\n" * text.count("\n")

    return TOKEN.sub(blank, read(path)).split("\n")


class Report:
    """Collects violations, prints each once, sorted, and makes the exit status."""

    def __init__(self):
        self.found = set()

    def add(self, path, line, what):
        self.found.add((path, int(line), what))

    def finish(self):
        for path, line, what in sorted(self.found):
            print(f"{path}:{line}: {what}")
        sys.exit(1 if self.found else 0)


def run(command, stdin=None):
    """Runs a command; returns (exit status, both outputs)."""
    done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def in_parallel(function, items):
    """function(item) for each item, on a few cores; the results in the order of the items."""
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        return list(pool.map(function, items))


def need_program(name, package):
    if run(["sh", "-c", f"command -v {name}"])[0] != 0:
        sys.exit(f"tools/check: {name} is missing: tools/install_packages {package}")


# --- a cache of clean results, by content

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def included_files(path, seen=None):
    """The file and all project headers that it includes, through headers too."""
    seen = set() if seen is None else seen
    if path in seen or not os.path.exists(path):
        return seen
    seen.add(path)
    for name in INCLUDE.findall(read(path)):
        for candidate in (name, os.path.join(os.path.dirname(path), name)):
            if os.path.exists(candidate):
                included_files(os.path.normpath(candidate), seen)
                break
    return seen


def cached_analysis(tool, salt, files, analyse):
    """
    analyse(file) returns violations as (path, line, what). A file that was clean is not analysed again until it,
    a header of it, or the salt (version, settings) changes.
    """
    folder = os.path.join("build", "check", tool)
    os.makedirs(folder, exist_ok=True)

    def one(path):
        digest = hashlib.sha256((salt + path).encode())
        for part in sorted(included_files(path)):
            digest.update(part.encode() + b"\0" + read(part).encode())
        mark = os.path.join(folder, digest.hexdigest())
        if os.path.exists(mark):
            os.utime(mark)
            return []
        violations = analyse(path)
        if not violations:
            open(mark, "w", encoding="ascii").close()
        return violations

    report = Report()
    for violations in in_parallel(one, files):
        for violation in violations:
            report.add(*violation)
    report.finish()


MESSAGE = re.compile(r"^(?P<path>[^:\n ]+):(?P<line>\d+):(?:\d+:)? *(?:fatal error|error|warning|style|performance|"
                     r"portability): (?P<what>.*)$", re.M)


def messages(output):
    """The compiler-like messages in an output, as (path, line, what)."""
    return [(os.path.relpath(os.path.join(ROOT, m["path"]), ROOT), int(m["line"]), m["what"])
            for m in MESSAGE.finditer(output)]
