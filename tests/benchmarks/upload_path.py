"""What an upload costs: `python -m tests.benchmarks.upload_path` measures a large one, many small ones and twine.

``large`` compares one upload over HTTP with hashing the same bytes in memory, one digest after the other and each in
a thread of its own; ``small`` sends wheels of a few KB over one connection and over many; ``twine`` runs the
real client. CPU seconds and memory are those of the web process. The numbers are medians of ``--rounds`` runs.
"""

import argparse
import base64
import hashlib
import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests import live
from tests.distributions import Built, upload_form, wheel

MIB = 1 << 20
BLOCK = MIB
TICKS = os.sysconf("SC_CLK_TCK")
BOUNDARY = b"upload-path-boundary"
DIGESTS: dict[str, Callable[[], "hashlib._Hash"]] = {
    "sha256": hashlib.sha256,
    "blake2b": lambda: hashlib.blake2b(digest_size=32),
    "md5": lambda: hashlib.md5(usedforsecurity=False),
}


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock, CPU seconds, and MB of memory more at the peak than before."""

    seconds: float
    cpu: float
    grown: float = 0.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for what in ("large", "small", "twine"):
        parser.add_argument(f"--{what}", action="store_true", help="only this, or only those named")
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--count", type=int, default=100, help="small wheels")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--deflated", action="store_true", help="pack the large wheel's content, which can be packed")
    arguments = parser.parse_args()
    everything = not (arguments.large or arguments.small or arguments.twine)
    with tempfile.TemporaryDirectory(prefix="upload-path-") as name, live.running(Path(name) / "server") as server:
        token = server.user_token()
        bench = Bench(server, token, Path(name), arguments.rounds)
        if arguments.large or everything:
            bench.large(arguments.megabytes, deflated=arguments.deflated)
        if arguments.small or everything:
            bench.small(arguments.count)
        if arguments.twine or everything:
            bench.twine(arguments.count)
    return 0


class Bench:
    """The three measurements against one server."""

    def __init__(self, server: live.LiveServer, token: live.Token, folder: Path, rounds: int) -> None:
        self._server = server
        self._token = token
        self._folder = folder
        self._rounds = rounds
        self._worker = web_worker(server.process.pid)
        credentials = f"{token.name_code}:{token.pass_code}".encode()
        self._authorization = "Basic " + base64.b64encode(credentials).decode()
        self._made = 0

    def large(self, megabytes: int, *, deflated: bool) -> None:
        """Hashing alone and whole uploads, in turn, so that a busy moment of the machine meets all of them."""
        self._warm()
        serial, threads, uploads = [], [], []
        for _ in range(self._rounds):
            self._made += 1
            path = large_wheel(self._folder, f"large-{self._made}", megabytes, deflated=deflated)
            size = path.stat().st_size // MIB
            serial.append(hash_serially(size))
            threads.append(hash_in_threads(size))
            uploads.append(self._upload_large(path))
            path.unlink()
        for label, costs in (("hash, serial", serial), ("hash, 3 threads", threads), ("upload, HTTP", uploads)):
            cost = median(costs)
            print(
                f"{label:<16} {size / cost.seconds:7.0f} MB/s {cost.seconds:6.2f} s  cpu {cost.cpu:5.2f} s"
                f"  memory +{cost.grown:.0f} MB"
            )
        for label, costs in (("serial", serial), ("3 threads", threads)):
            share = median(costs).seconds / median(uploads).seconds
            print(f"upload is at {share:.0%} of hashing alone ({label})")

    def small(self, count: int) -> None:
        """Wheels of a few KB: one connection, then 16."""
        self._warm()
        for connections in (1, 16):
            costs = [self._upload_small(count, connections) for _ in range(self._rounds)]
            cost = median(costs)
            print(
                f"{count} small wheels, {connections:>2} connections: {1000 * cost.seconds / count:6.2f} ms each, "
                f"server cpu {1000 * cost.cpu / count:5.2f} ms each"
            )

    def twine(self, count: int) -> None:
        """``twine upload`` of all wheels in one call."""
        self._warm()
        costs = []
        for _ in range(self._rounds):
            folder = self._folder / f"twine-{self._made}"
            folder.mkdir()
            for built in self._wheels(count):
                (folder / built.filename).write_bytes(built.content)
            with self._measured() as cost:
                self._run_twine(sorted(folder.iterdir()))
            costs.append(cost())
        cost = median(costs)
        print(f"twine upload of {count}: {cost.seconds:.2f} s, server cpu {cost.cpu:.2f} s")
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "twine", "--version"], check=True, stdout=subprocess.DEVNULL)
        print(f"  of which twine takes to start: {time.perf_counter() - began:.2f} s")

    def _run_twine(self, paths: list[Path]) -> None:
        url = self._server.upload_url("pypi-hosted")
        command = [sys.executable, "-m", "twine", "upload", "--non-interactive", "--disable-progress-bar"]
        command += ["--repository-url", url, "-u", self._token.name_code, "-p", self._token.pass_code]
        environment = {**os.environ, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
        done = subprocess.run(
            [*command, *map(str, paths)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert done.returncode == 0, done.stdout

    def _upload_large(self, path: Path) -> Cost:
        fields = {
            ":action": "file_upload",
            "protocol_version": "1",
            "name": path.name.partition("-")[0],
            "version": "1.0",
            "filetype": "bdist_wheel",
            "pyversion": "py3",
        }
        head = b"".join(part(name, value.encode()) for name, value in fields.items())
        head += part("content", None, filename=path.name)
        tail = b"\r\n--" + BOUNDARY + b"--\r\n"
        os.sync()
        with self._measured() as cost:
            answer = self._send_file(head, path, tail)
        assert answer.startswith(b"HTTP/1.1 200"), answer
        return cost()

    def _send_file(self, head: bytes, path: Path, tail: bytes) -> bytes:
        address = urlsplit(self._server.base)
        length = len(head) + path.stat().st_size + len(tail)
        request = (
            f"POST /repository/pypi-hosted/ HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n"
            f"Authorization: {self._authorization}\r\nContent-Length: {length}\r\n"
            f"Content-Type: multipart/form-data; boundary={BOUNDARY.decode()}\r\n\r\n"
        )
        with socket.create_connection((address.hostname, address.port)) as connection, path.open("rb") as file:
            connection.sendall(request.encode() + head)
            connection.sendfile(file)
            connection.sendall(tail)
            return connection.recv(65536)

    def _upload_small(self, count: int, connections: int) -> Cost:
        forms = [upload_form(built) for built in self._wheels(count)]
        shares = [forms[start::connections] for start in range(connections)]
        with ThreadPoolExecutor(connections) as pool, self._measured() as cost:
            list(pool.map(self._post_all, shares))
        return cost()

    def _post_all(self, forms: list[tuple[str, bytes]]) -> None:
        address = urlsplit(self._server.base)
        assert address.hostname is not None
        connection = http.client.HTTPConnection(address.hostname, address.port)
        for content_type, body in forms:
            headers = {"Content-Type": content_type, "Authorization": self._authorization}
            connection.request("POST", "/repository/pypi-hosted/", body, headers)
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status == 200, text
        connection.close()

    def _wheels(self, count: int) -> list[Built]:
        self._made += 1
        return [wheel(f"small-{self._made}-{number}", "1.0", payload=os.urandom(2000)) for number in range(count)]

    def _warm(self) -> None:
        self._post_all([upload_form(built) for built in self._wheels(20)])

    @contextmanager
    def _measured(self) -> Iterator[Callable[[], Cost]]:
        cpu, memory, began = cpu_seconds(self._worker), reset_peak(self._worker), time.perf_counter()
        costs: list[Cost] = []
        yield costs.pop
        seconds = time.perf_counter() - began
        costs.append(Cost(seconds, cpu_seconds(self._worker) - cpu, peak(self._worker) - memory))


def median(costs: list[Cost]) -> Cost:
    return Cost(
        statistics.median(cost.seconds for cost in costs),
        statistics.median(cost.cpu for cost in costs),
        max(cost.grown for cost in costs),
    )


def hash_serially(megabytes: int) -> Cost:
    block = os.urandom(BLOCK)
    hashers = [make() for make in DIGESTS.values()]
    return timed(lambda: [hasher.update(block) for _ in range(megabytes) for hasher in hashers])


def hash_in_threads(megabytes: int) -> Cost:
    block = os.urandom(BLOCK)

    def one(make: Callable[[], "hashlib._Hash"]) -> None:
        hasher = make()
        for _ in range(megabytes):
            hasher.update(block)

    workers = [threading.Thread(target=one, args=(make,)) for make in DIGESTS.values()]
    return timed(lambda: [step() for step in (*(w.start for w in workers), *(w.join for w in workers))])


def timed(work: Callable[[], object]) -> Cost:
    cpu, began = time.process_time(), time.perf_counter()
    work()
    return Cost(time.perf_counter() - began, time.process_time() - cpu)


def part(name: str, value: bytes | None, filename: str = "") -> bytes:
    """One part of the form; a value of None ends with the headers, for content that follows."""
    named = f'; filename="{filename}"' if filename else ""
    head = b"--" + BOUNDARY + f'\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode()
    return head if value is None else head + value + b"\r\n"


def large_wheel(folder: Path, name: str, megabytes: int, *, deflated: bool) -> Path:
    """A wheel of about that size: noise as it is, or text that packs to a third and is as large unpacked."""
    stem = name.replace("-", "_")
    path = folder / f"{stem}-1.0-py3-none-any.whl"
    module, info = f"{stem}/payload.bin", f"{stem}-1.0.dist-info"
    texts = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": f"{module},,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n",
    }
    method = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
    payload = zipfile.ZipInfo(module)
    payload.compress_type = method
    with zipfile.ZipFile(path, "w", method, compresslevel=1) as archive:
        with archive.open(payload, "w", force_zip64=True) as member:
            block = os.urandom(BLOCK)
            if deflated:
                block = block.translate(bytes(b"import os"[value % 8] for value in range(256)))
            for number in range(megabytes):
                member.write(block[number:] + block[:number])
        for text_name, text in texts.items():
            archive.writestr(text_name, text)
    return path


def web_worker(pid: int) -> int:
    """The process that answers requests: of those that serve the web, the one with the most memory."""
    web = [each for each, command in live.process_tree(pid).items() if "repoman.serve.web" in command]
    return max(web, key=lambda each: status_field(each, "VmRSS"))


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def status_field(pid: int, name: str) -> float:
    """A size of /proc/<pid>/status in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    return 0.0


def reset_peak(pid: int) -> float:
    """Begin to note the peak anew; returns the memory now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return status_field(pid, "VmRSS")


def peak(pid: int) -> float:
    return status_field(pid, "VmHWM")


if __name__ == "__main__":
    sys.exit(main())
