"""The edge every call crosses: it is bounded in time, counted, traced when asked for, and fails in our words.

A servicer only answers or raises, so it can be tried without gRPC; `Calls` wraps its methods once, when they are
registered. That costs a unary call 1 us, and 2 us when traces are exported and this one is not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from time import perf_counter_ns
from typing import Any, NoReturn

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from engine.errors import CallOverdue, FieldViolation, InvalidInput, ServerStopping, SignalboxError, TooManyCalls
from engine.service.counts import Counts
from engine.service.status import abort, code_name
from engine.service.telemetry import Context, EndSpan

SWEEP_EVERY_S = 1.0
QUIET_S = 0.05
QUIET_TRIES = 10

BeginSpan = Callable[[str, Context], EndSpan | None]
Task = asyncio.Task[Any]

Answering = Callable[[Task, Any, Context], AsyncGenerator[Any, None]]
"""What makes the responses of a stream out of its request, or its requests."""

_MALFORMED = object()
"""What a request becomes whose bytes are no message of its type."""

_NEVER_OVERDUE = 2**63
"""When a call began that may last: later than any moment."""


class Calls:
    """The calls under way. `begin_span` is None while nobody receives traces."""

    def __init__(self, counts: Counts, begin_span: BeginSpan | None, default_deadline_s: float, calls_max: int) -> None:
        self._counts = counts
        self._begin_span = begin_span
        self._deadline_s = default_deadline_s
        self._calls_max = calls_max
        self._under_way: dict[Task, tuple[int, Context]] = {}
        self._waiting: set[Task] = set()
        self._ended: dict[Task, SignalboxError] = {}
        self._stopping = False
        self._refused = 0

    def handlers(self, service: ServiceDescriptor, servicer: object) -> grpc.GenericRpcHandler[Any, Any]:
        """The methods of one servicer, wrapped, as `grpc.aio.Server.add_generic_rpc_handlers` takes them."""
        methods = {method.name: self._handler(method, getattr(servicer, method.name)) for method in service.methods}
        return grpc.method_handlers_generic_handler(service.full_name, methods)

    async def sweep_forever(self) -> NoReturn:
        """End overdue calls until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            self.sweep(perf_counter_ns())

    def sweep(self, now_ns: int) -> None:
        """End the calls whose caller set no deadline and which took longer than the default until `now_ns`.

        Looking at all of them now and then costs a call nothing; a timer for each would cost more than deciding.
        """
        since_ns = now_ns - round(self._deadline_s * 1_000_000_000)
        for task, (began_ns, context) in list(self._under_way.items()):
            if began_ns < since_ns and context.time_remaining() is None:
                self._end(task, CallOverdue(f"not finished within the server's default of {self._deadline_s:g} s"))

    async def refuse_further(self) -> None:
        """From now on answer every further call with UNAVAILABLE; return when none was left in grpc's own queue.

        That queue must be empty before the server is stopped: grpc answers what is left in it with CANCELLED, which
        tells a caller nothing, and clients do not repeat. Streams that wait for their caller end at once, the others
        when their request is answered. Calls under way go on.
        """
        self._stopping = True
        for task in list(self._waiting):
            self._end(task, _stopping())
        for _ in range(QUIET_TRIES):
            before = self._refused
            await asyncio.sleep(QUIET_S)
            if self._refused == before:
                break

    def _handler(self, method: MethodDescriptor, handle: Callable[..., Any]) -> grpc.RpcMethodHandler[Any, Any]:
        read = _parser(GetMessageClass(method.input_type))
        write = GetMessageClass(method.output_type).SerializeToString
        if not method.server_streaming:
            assert not method.client_streaming, f"{method.full_name} streams requests only"
            return grpc.unary_unary_rpc_method_handler(self._unary(method, handle), read, write)
        if method.client_streaming:

            def answer(task: Task, requests: AsyncIterator[Any], context: Context) -> AsyncGenerator[Any, None]:
                responses: AsyncGenerator[Any, None] = handle(self._requests(method, task, requests, context), context)
                return responses

            return grpc.stream_stream_rpc_method_handler(self._stream(method, answer), read, write)

        def follow(task: Task, request: Any, context: Context) -> AsyncGenerator[Any, None]:
            return self._responses(method, task, request, context, handle)

        return grpc.unary_stream_rpc_method_handler(self._stream(method, follow), read, write)

    def _unary(
        self, method: MethodDescriptor, handle: Callable[[Any, Context], Awaitable[Message]]
    ) -> Callable[[Any, Context], Awaitable[Message]]:
        name = f"{method.containing_service.full_name}/{method.name}"
        begin_span, clock = self._begin_span, perf_counter_ns

        async def call(request: Any, context: Context) -> Message:
            task = _this_task()
            began_ns = clock()
            self._under_way[task] = began_ns, context
            end_span = begin_span(name, context) if begin_span is not None else None
            code = "CANCELLED"
            try:
                self._check_room()
                if request is _MALFORMED:
                    raise _malformed(method)
                response = await handle(request, context)
                code = "OK"
                return response
            except (Exception, asyncio.CancelledError) as error:
                failure = self._failure(task, error)
                if failure is None:
                    raise
                code = code_name(failure)
                # grpc keeps the exception of an abort, and with it this frame, until the garbage collector looks.
                del request
                await abort(context, failure)
            finally:
                self._over(task, name, code, began_ns, end_span)

        return call

    def _stream(self, method: MethodDescriptor, answer: Answering) -> Callable[[Any, Context], Awaitable[None]]:
        name = f"{method.containing_service.full_name}/{method.name}"

        async def call(asked: Any, context: Context) -> None:
            task = _this_task()
            began_ns = perf_counter_ns()
            self._under_way[task] = began_ns, context
            end_span = self._begin_span(name, context) if self._begin_span is not None else None
            code = "CANCELLED"
            try:
                self._check_room()
                async with aclosing(answer(task, asked, context)) as responses:
                    async for response in responses:
                        await context.write(response)
                code = "OK"
            except (Exception, asyncio.CancelledError) as error:
                failure = self._failure(task, error)
                if failure is None:
                    raise
                code = code_name(failure)
                await abort(context, failure)
            finally:
                self._over(task, name, code, began_ns, end_span)

        return call

    async def _requests(
        self, method: MethodDescriptor, task: Task, requests: AsyncIterator[Any], context: Context
    ) -> AsyncIterator[Any]:
        """A stream's requests; while it waits for one it may be ended, and each one renews its time."""
        arriving = aiter(requests)
        while True:
            if self._stopping:
                raise _stopping()
            self._waiting.add(task)
            try:
                request = await anext(arriving)
            except StopAsyncIteration:
                return
            finally:
                self._waiting.discard(task)
            self._under_way[task] = perf_counter_ns(), context
            if request is _MALFORMED:
                raise _malformed(method)
            yield request

    async def _responses(
        self, method: MethodDescriptor, task: Task, request: Any, context: Context, handle: Callable[..., Any]
    ) -> AsyncGenerator[Any, None]:
        """The responses to one request. The stream waits for what happens: that may take any time, and may be ended."""
        if request is _MALFORMED:
            raise _malformed(method)
        async with aclosing(handle(request, context)) as responses:
            while True:
                if self._stopping:
                    raise _stopping()
                self._waiting.add(task)
                self._under_way[task] = _NEVER_OVERDUE, context
                try:
                    response = await anext(responses)
                except StopAsyncIteration:
                    return
                finally:
                    self._waiting.discard(task)
                self._under_way[task] = perf_counter_ns(), context
                yield response

    def _check_room(self) -> None:
        """Refuse a call that has just begun when the server stops, or has enough to do.

        grpc's own bound on concurrent calls costs each of them 50 us.
        """
        if self._stopping:
            self._refused += 1
            raise _stopping()
        if len(self._under_way) > self._calls_max:
            raise TooManyCalls(f"{self._calls_max} calls are under way, as many as the server takes at once")

    def _end(self, task: Task, why: SignalboxError) -> None:
        """Cancel a call from outside; it answers with `why`."""
        if task not in self._ended:
            self._ended[task] = why
            task.cancel()

    def _failure(self, task: Task, error: BaseException) -> Exception | None:
        """What to answer for what a call raised; None when it is the caller who cancelled."""
        if isinstance(error, asyncio.CancelledError):
            why = self._ended.get(task)
            if why is not None:
                task.uncancel()
            return why
        assert isinstance(error, Exception)
        return error

    def _over(self, task: Task, name: str, code: str, began_ns: int, end_span: EndSpan | None) -> None:
        del self._under_way[task]
        if self._ended:
            self._ended.pop(task, None)
        self._counts.call(name, code, perf_counter_ns() - began_ns)
        if end_span is not None:
            end_span(code)


def _this_task() -> Task:
    task = asyncio.current_task()
    assert task is not None
    return task


def _parser(message: type[Message]) -> Callable[[bytes], Any]:
    """Bytes to message. An exception here would reach the caller as grpc words it, so it becomes a value."""

    def parse(data: bytes) -> Any:
        try:
            return message.FromString(data)
        except DecodeError:
            return _MALFORMED

    return parse


def _malformed(method: MethodDescriptor) -> InvalidInput:
    return InvalidInput([FieldViolation("request", f"the bytes are no {method.input_type.full_name}")])


def _stopping() -> ServerStopping:
    return ServerStopping("the server is about to stop; call again")
