# SPDX-License-Identifier: Apache-2.0
"""sprocket.py - gdb commands for functions of Sprocket: requests that wait, and where.

    sprocket requests           the requests whose handlers wait, or run, on all threads
    sprocket bt N [OPTION...]   the backtrace of request N, with options of `backtrace`

`sprocket debug` loads it; elsewhere: (gdb) source .../share/sprocket/gdb/sprocket.py. Works on
processes and on core files, and changes nothing in them.

How: each function has a symbol sp_gdb (functions/sdk/layout_gdb.h) that says where things lie,
so that no debug information of the SDK is needed. A handler that waits has a stack of its own.
To show it, an unwinder tells gdb that the thread's innermost frame was called from there.
"""
import re
import struct
import time

import gdb
import gdb.unwinder

MAGIC = b"sprocket"
VERSION = 1
FIELDS = ("fibers_next", "fibers_current", "fibers_parked", "fibers_tid", "fiber_next", "fiber_arg",
          "request_worker", "request_waits_for", "request_slot_at", "request_number",
          "request_deadline_ns", "request_id_off", "request_id_len", "worker_name")
LAYOUT = struct.Struct("<8sIIQQ%dI" % len(FIELDS))
NAME_MAX = 256
REGISTERS = {"i386:x86-64": ("rip", "rsp"), "aarch64": ("pc", "sp")}


def read(at, size):
    return gdb.selected_inferior().read_memory(at, size).tobytes()


def word(at):
    return struct.unpack("<Q", read(at, 8))[0]


def half(at):
    return struct.unpack("<I", read(at, 4))[0]


def text(at):
    """A string; one byte at a time, as the page behind it may be missing."""
    made = bytearray()
    while at and len(made) < NAME_MAX:
        byte = read(at + len(made), 1)
        if byte == b"\0":
            break
        made += byte
    return made.decode(errors="replace")


def addresses():
    """Where sp_gdb is: once for each function and each library in the process."""
    found = set()
    files = [o for o in gdb.objfiles() if o.lookup_global_symbol("sp_gdb") is not None]
    for objfile in files if len(files) > 1 else []:
        # A symbol's value is that of the first file for all of them.
        shown = gdb.execute(f'maint print msymbols -objfile "{objfile.filename}"',
                            to_string=True)
        found.update(int(at, 16) for at in re.findall(r"(0x[0-9a-f]+) sp_gdb\b", shown))
    if len(files) == 1:
        found.add(int(files[0].lookup_global_symbol("sp_gdb").value().address))
    # Those without debug information; there is no other way to list them.
    listed = gdb.execute("info variables ^sp_gdb$", to_string=True)
    found.update(int(at, 16) for at in re.findall(r"^(0x[0-9a-f]+) +sp_gdb$", listed, re.M))
    return sorted(found)


class Layout:
    """What one sp_gdb says."""

    def __init__(self, at):
        magic, version, size, self.all, self.parked, *offsets = LAYOUT.unpack(
            read(at, LAYOUT.size))
        if magic != MAGIC:
            raise gdb.GdbError(f"what lies at sp_gdb ({at:#x}) is not the SDK's")
        if version != VERSION or size != LAYOUT.size:
            raise gdb.GdbError(f"this script is for version {VERSION} of sp_gdb, the function "
                               f"has version {version}: source the sprocket.py that was "
                               "installed with the SDK it was linked with")
        self.__dict__.update(zip(FIELDS, offsets))


class Request:
    """A request whose handler has begun, and not returned."""

    def __init__(self, layout, tid, fiber, running):
        at = word(fiber + layout.fiber_arg)
        self.tid, self.running = tid, running
        self.pc, self.sp = layout.parked, word(fiber)
        self.number = word(at + layout.request_number)
        self.deadline_ns = word(at + layout.request_deadline_ns)
        self.function = text(word(word(at + layout.request_worker) + layout.worker_name))
        self.waits_for = text(word(at + layout.request_waits_for))
        self.id = self.read_id(layout, at)

    @staticmethod
    def read_id(layout, at):
        """The client's, from the request's buffer, which a core file may be without."""
        length = min(half(at + layout.request_id_len), NAME_MAX)
        if length == 0:
            return "-"
        try:
            where = word(at + layout.request_slot_at) + half(at + layout.request_id_off)
            return read(where, length).decode(errors="replace")
        except gdb.MemoryError:
            return "?"

    def left(self):
        """How long until its deadline, where that can be said."""
        if not self.deadline_ns:
            return "none"
        if is_core():
            return "?"
        left = self.deadline_ns - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        return f"{left / 1e6:.0f} ms" if left > 0 else "passed"

    def row(self):
        return (str(self.number), self.id, self.function, str(self.tid), self.left(),
                "(runs)" if self.running else self.waits_for or "?")


def is_core():
    connection = getattr(gdb.selected_inferior(), "connection", None)
    return connection is not None and connection.type == "core"


def requests():
    """All of them, by number."""
    if not gdb.selected_thread():
        raise gdb.GdbError("no process: start it, or attach to it, first")
    places = addresses()
    if not places:
        raise gdb.GdbError("there is no symbol sp_gdb: is this a function of Sprocket, has its "
                           "program begun, and was it stripped of all symbols?")
    return sorted(requests_at(places), key=lambda request: request.number)


def requests_at(places):
    for at in places:
        layout = Layout(at)
        fibers = word(layout.all)
        while fibers:
            tid = half(fibers + layout.fibers_tid)
            current = word(fibers + layout.fibers_current)
            fiber = word(fibers + layout.fibers_parked)
            listed = False
            while fiber:
                listed |= fiber == current
                yield Request(layout, tid, fiber, fiber == current)
                fiber = word(fiber + layout.fiber_next)
            if current and not listed:  # it has not waited yet
                yield Request(layout, tid, current, True)
            fibers = word(fibers + layout.fibers_next)


class Parked(gdb.unwinder.Unwinder):
    """While `request` is set: the innermost frame was called from where it waits."""

    def __init__(self):
        super().__init__("sprocket")
        self.request = None
        self.innermost = None

    def __call__(self, pending):
        if self.request is None:
            return None
        pc_name, sp_name = REGISTERS[pending.architecture().name()]
        pc, sp = pending.read_register(pc_name), pending.read_register(sp_name)
        if (int(pc), int(sp)) != self.innermost:
            return None
        # Each frame must lie above the one it called, or gdb takes the stack for corrupt.
        unwind = pending.create_unwind_info(
            Frame(gdb.Value(self.request.sp - 16).cast(sp.type), pc))
        unwind.add_saved_register(pc_name, gdb.Value(self.request.pc).cast(pc.type))
        unwind.add_saved_register(sp_name, gdb.Value(self.request.sp).cast(sp.type))
        return unwind

    def backtrace(self, request, options):
        frame = gdb.newest_frame()
        names = REGISTERS.get(frame.architecture().name())
        if names is None:
            raise gdb.GdbError("no unwinder for " + frame.architecture().name())
        self.innermost = tuple(int(frame.read_register(name)) for name in names)
        self.request = request
        gdb.invalidate_cached_frames()
        try:
            own = own_frames(request.pc)
            shown = gdb.execute("backtrace " + more(options, own), to_string=True)
        finally:
            self.request = None
            gdb.invalidate_cached_frames()
        return without(shown, own)


class Frame:  # pylint: disable=too-few-public-methods
    """Names a frame for gdb."""

    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


def own_frames(pc):
    """How many of the frames are the thread's own: functions inlined in it have theirs."""
    frame = gdb.newest_frame()
    while frame is not None and frame.pc() != pc:
        frame = frame.older()
    if frame is None:
        raise gdb.GdbError("gdb cannot unwind the stack of that request")
    return frame.level()


def more(options, count):
    """Options of `backtrace`; a limit is one of what is shown."""
    return " ".join(str(int(part) + count) if part.isdecimal() else part
                    for part in options.split())


def without(shown, count):
    """A backtrace without its first frames; the others are counted from 0."""
    kept, keep = [], False
    for line in shown.splitlines(keepends=True):
        found = re.match(r"#(\d+)( +)", line)
        if found:
            level = int(found[1]) - count
            keep = level >= 0
            line = f"#{level}{found[2]}{line[found.end():]}"
        if keep or line.startswith("("):  # "(More stack frames follow...)"
            kept.append(line)
    return "".join(kept)


def thread_of(request):
    """Its own thread, to show the right one's name; any other would do."""
    for thread in gdb.selected_inferior().threads():
        if thread.ptid[1] == request.tid:
            return thread
    return gdb.selected_thread()


class Sprocket(gdb.Command):
    """Functions of Sprocket: the requests that they have begun."""

    def __init__(self):
        super().__init__("sprocket", gdb.COMMAND_STACK, prefix=True)


class SprocketRequests(gdb.Command):
    """The requests whose handlers wait, or run, on all threads.
Usage: sprocket requests
Their numbers are those in the logs; `sprocket bt NUMBER` shows where one is."""

    def __init__(self):
        super().__init__("sprocket requests", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        if argument:
            raise gdb.GdbError("usage: sprocket requests")
        found = requests()
        if not found:
            print("no request waits, and none runs")
            return
        rows = [("REQUEST", "ID", "FUNCTION", "THREAD", "DEADLINE", "WAITS FOR")]
        rows += [request.row() for request in found]
        widths = [max(len(cell) for cell in column) for column in zip(*rows)]
        for row in rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


class SprocketBt(gdb.Command):
    """The backtrace of a request whose handler waits, or runs.
Usage: sprocket bt NUMBER [OPTION...]
NUMBER is one that `sprocket requests` shows; the options are those of `backtrace`."""

    def __init__(self):
        super().__init__("sprocket bt", gdb.COMMAND_STACK)
        self.parked = Parked()
        gdb.unwinder.register_unwinder(None, self.parked, replace=True)

    def invoke(self, argument, from_tty):
        number, _, options = argument.strip().partition(" ")
        if not number.isdecimal():
            raise gdb.GdbError("usage: sprocket bt NUMBER [OPTION...]")
        found = [request for request in requests() if request.number == int(number)]
        if not found:
            raise gdb.GdbError(f"no request {number} waits or runs: see sprocket requests")
        before = gdb.selected_thread()
        frame = gdb.selected_frame().level()
        try:
            for request in found:
                self.show(request, options)
        finally:
            before.switch()
            gdb.execute(f"frame {frame}", to_string=True)

    def show(self, request, options):
        thread_of(request).switch()
        print(f"request {request.number}, {request.function}, "
              + ("runs" if request.running else f"waits for {request.waits_for or '?'}") + ":")
        gdb.write(gdb.execute("backtrace " + options, to_string=True) if request.running
                  else self.parked.backtrace(request, options))


Sprocket()
SprocketRequests()
SprocketBt()
