"""hostile.py WORKER SPOOL ID OTHER refuse|deliver: speaks to the runner's parent
over the (stopped) worker's own socket, taken from it."""
import array, ctypes, faulthandler, fcntl, glob, json, os, socket, sys, tempfile

faulthandler.dump_traceback_later(15, exit=True)

worker, spool, mine, other, what = int(sys.argv[1]), *sys.argv[2:6]
PIDFD_GETFD = 438
libc = ctypes.CDLL(None, use_errno=True)
pidfd = os.pidfd_open(worker)


def link():
    for name in os.listdir(f"/proc/{worker}/fd"):
        if not os.readlink(f"/proc/{worker}/fd/{name}").startswith("socket:"):
            continue
        fd = libc.syscall(PIDFD_GETFD, pidfd, int(name), 0)
        found = socket.socket(fileno=fd)
        if found.type == socket.SOCK_DGRAM and found.family == socket.AF_UNIX and not found.getsockname():
            try:
                found.getpeername()
                return found
            except OSError:
                pass
    sys.exit("no socket to the parent")


parent = link()


def ask(text, *descriptors, answered=True):
    """The answer to a request with these descriptors and one to answer on."""
    ours, theirs = socket.socketpair()
    text = text if isinstance(text, bytes) else json.dumps(text).encode()
    fds = [*descriptors, theirs.fileno()] if answered else list(descriptors)
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    parent.sendmsg([text], rights)
    theirs.close()
    # A descriptor kept open here would keep the lock that the parent takes on it.
    for fd in descriptors:
        os.close(fd)
    ours.settimeout(20)
    answer = b""
    while answered and (piece := ours.recv(65536)):
        answer += piece
    return answer.decode()


def message(id):
    path = glob.glob(f"{spool}/*/{id},*")[0]
    fd = os.open(path, os.O_RDONLY)
    return fd


def deliver(id, target=0):
    return {"Deliver": {"id": id, "target": target}}


def refused(name, *request):
    answer = ask(*request)
    if '"delivered"' in answer or not ("Refused" in answer or "Attempt" in answer or "Damaged" in answer):
        sys.exit(f"{name}: {answer!r}")
    print(f"ok     {name}: {answer[:100]}")


if what == "deliver":
    held = message(mine)
    fcntl.flock(held, fcntl.LOCK_EX)
    answer = json.loads(ask({"Expand": {"id": mine}}, os.dup(held)))
    assert [t["to"] for t in answer["Targets"]] == ["ann@host.test"], answer
    answer = json.loads(ask(deliver(mine), os.dup(held)))
    assert answer["Attempt"]["result"] == "delivered", answer
    sys.exit()

# Nothing to answer on, or nothing that can be read: no answer, no harm.
for junk in [b"", b"\0" * 100, b"{" * 4000, b"x" * 60000, {"Deliver": {}}, {"Nonsense": 1}]:
    ask(junk, answered=False)
    ask(junk, os.open("/etc/shadow", os.O_RDONLY), answered=False)
for junk in [b"{}", {"Deliver": {"id": mine, "target": -1}}, {"Deliver": {"id": mine, "target": 2**40}}]:
    assert ask(junk, message(mine)) == ""

shadow = os.open("/etc/shadow", os.O_RDONLY)
for id in [mine, other, "0AAAAAAAAAAAAAAA", "../../etc/shadow", "", "X" * 2000, "a\0b"]:
    refused(f"a foreign file as {id[:20]!r}", deliver(id), os.dup(shadow))
    refused(f"expanding it as {id[:20]!r}", {"Expand": {"id": id}}, os.dup(shadow))
refused("the message under another's id", deliver(other), message(mine))
refused("a target that is none", deliver(mine, 99), message(mine))
refused("the last number there is", deliver(mine, 2**32 - 1), message(mine))
refused("a directory", deliver(mine), os.open(spool, os.O_RDONLY))
with tempfile.TemporaryDirectory() as d:
    os.mkfifo(f"{d}/fifo")
    refused("a FIFO", deliver(mine), os.open(f"{d}/fifo", os.O_RDWR))
    copy = f"{d}/copy"
    with os.fdopen(message(mine), "rb") as f, open(copy, "wb") as g:
        g.write(f.read())
    refused("a copy of the message", deliver(mine), os.open(copy, os.O_RDONLY))
refused("a socket", deliver(mine), socket.socket().detach())
held = message(mine)
fcntl.flock(held, fcntl.LOCK_EX)
refused("a message that another holds", deliver(mine), message(mine))
