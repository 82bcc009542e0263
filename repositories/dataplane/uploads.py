"""Taking an upload: the body streams into a blob writer while it is hashed; then the archive is read and the index asked.

While a thread parses, hashes and writes one batch of the body, the loop receives the next; an upload therefore holds at most
three batches in memory, however large it is. A small one crosses into a thread once before the index is asked.
"""

import asyncio

from django.conf import settings

from accounts.identity import Identity
from blobstores.kind import BlobWriter, NoSpace, StoreFailure
from repoman.toolbox import threads
from repositories.dataplane.indexes import LiveRepository
from repositories.dataplane.request import Receive, Request, Send
from repositories.dataplane.responses import Answer, send_answer
from repositories.domain.attestations import provenance_object
from repositories.domain.errors import InvalidRequest, StorageFailed, StorageFull, TooLarge
from repositories.domain.index import Writable
from repositories.domain.names import canonical_version
from repositories.domain.uploading import ReceivedFile, Upload
from repositories.protocol import archives, core_metadata
from repositories.protocol.upload_form import UploadForm, read_form

_BATCH = 512 * 1024
_FEW = 4  # pieces of a batch that are so large each that joining them would cost more than it saves
_FORM_ALLOWANCE = 8 * 1024 * 1024  # the fields beside the file


async def take_upload(
    live: LiveRepository, index: Writable, by: Identity, request: Request, receive: Receive, send: Send
) -> None:
    sink = _Sink(live)
    intake = _Intake(request, sink)
    try:
        rest = await intake.receive(receive)
        upload = await threads.transfer(_read_upload, intake.form, rest, sink, by)
        await index.accept(upload)
    except NoSpace as error:
        raise StorageFull("The blob store is full; nothing was kept") from error
    except StoreFailure as error:
        raise StorageFailed("The blob store cannot be written to right now; nothing was kept") from error
    finally:
        await intake.settle()
        if sink.left_over:
            await threads.transfer(sink.abort)
    await send_answer(request, Answer(status=200, headers=[(b"cache-control", b"no-store")]), send)


class _Sink:
    """Opens the blob writer when the file part begins; a form without a file opens none."""

    def __init__(self, live: LiveRepository) -> None:
        self._live = live
        self.writer: BlobWriter | None = None

    def begin(self, filename: str) -> BlobWriter:
        self.writer = self._live.blob_store.writer()
        return self.writer

    @property
    def left_over(self) -> bool:
        """Whether there is something to throw away: also when the very same file was there already."""
        return self.writer is not None and self.writer.path.exists()

    def abort(self) -> None:
        if self.writer is not None:
            self.writer.abort()


class _Intake:
    """The body on its way into the form, batch by batch."""

    def __init__(self, request: Request, sink: _Sink) -> None:
        self._limit = settings.REPOMAN.max_upload_bytes + _FORM_ALLOWANCE
        declared = request.header(b"content-length") or "0"
        if declared.isascii() and declared.isdigit():
            self._require_size(int(declared))
        self.form = UploadForm(request.header(b"content-type") or "", sink.begin)
        self._feeding: asyncio.Future[None] | None = None

    async def receive(self, receive: Receive) -> list[bytes]:
        """Feed the form with the whole body but its last batch, which is returned. Raises what the form raises."""
        batch: list[bytes] = []
        size = received = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise InvalidRequest("The upload was cut off")
            body = message.get("body", b"")
            batch.append(body)
            size += len(body)
            received += len(body)
            self._require_size(received)
            if not message.get("more_body", False):
                await self._fed()
                return batch
            if size >= _BATCH:
                await self._fed()
                # Hashing and writing a batch takes milliseconds: not on the loop that serves everybody.
                self._feeding = asyncio.ensure_future(threads.transfer(_feed, self.form, batch))
                batch, size = [], 0

    async def settle(self) -> None:
        """Wait until no thread feeds the form any more, whatever came of it."""
        if self._feeding is not None:
            await asyncio.wait([self._feeding])
            self._feeding.exception()  # the one to tell is already on its way, or nobody listens any more

    async def _fed(self) -> None:
        if self._feeding is not None:
            await asyncio.wait([self._feeding])  # unlike awaiting it, this does not let go of the thread when cancelled
            self._feeding.result()

    def _require_size(self, size: int) -> None:
        if size > self._limit:
            raise TooLarge(f"File too large. The limit here is {settings.REPOMAN.max_upload_bytes >> 20} MB.")


def _feed(form: UploadForm, batch: list[bytes]) -> None:
    for piece in batch if len(batch) <= _FEW else [b"".join(batch)]:
        form.feed(piece)


def _read_upload(form: UploadForm, rest: list[bytes], sink: _Sink, by: Identity) -> Upload:
    """Put the form and the archive's own metadata together. The archive is the truth, the form is not."""
    _feed(form, rest)
    fields = read_form(form.finish())
    writer = sink.writer
    assert writer is not None  # a form that was read has a file
    writer.begin_sync()  # while the archive is examined
    digests = writer.digests()
    file = ReceivedFile(
        filename=fields.filename,
        size=digests.size,
        hashes={"sha256": digests.sha256, "blake2b_256": digests.blake2b_256, "md5": digests.md5},
        token=writer,
    )
    metadata = core_metadata.parse(archives.read_metadata(writer.path, fields.filename, fields.project, fields.version))
    # Here, not when the rows are written: the disk may take seconds, and the threads of the database are few.
    writer.sync()
    return Upload(
        project=fields.project,
        display_name=metadata.name,
        # One spelling a version ("1.0.0" and "1.0.0.0" stay two): what the archive says, as PEP 440 writes it.
        version=canonical_version(metadata.version),
        filetype=fields.filetype,
        pyversion=fields.pyversion,
        file=file,
        metadata=metadata,
        fields=fields.fields,
        provenance=provenance_object(
            fields.attestations, filename=file.filename, sha256=digests.sha256, publisher=by.username
        ),
        uploader_id=by.user_id,
        uploader=by.username,
    )
