"""Loss, accuracy and the graph for TensorBoard, as event files in the run folder."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

from striate.graph import Graph, Node
from striate.notation import operator_text
from striate.training.events import EpochRow
from striate.training.run_folder import RunFolder

DRAWN = (
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "learning_rate",
    "images_per_second",
)


@contextmanager
def curves(folder: RunFolder, graph: Graph, step: int) -> Iterator[Callable[[EpochRow], None]]:
    """A function that adds one epoch to the curves; points after `step` are forgotten first.

    The file begins with the graph.

    Events are written at once, in this thread: tensorboardX's own writer does it in another one,
    which a full disk ends, and then waits for it.

    Raises:
        RunError: the file cannot be written.
    """
    from tensorboardX.proto.event_pb2 import Event, SessionLog
    from tensorboardX.record_writer import RecordWriter
    from tensorboardX.summary import scalar

    now = time.time()
    place = folder.path / f"events.out.tfevents.{now:.0f}.{socket.gethostname()}.{step}"

    def add(events: Iterable[Event]) -> None:
        with folder.writing(place=place):
            for event in events:
                writer.write(event.SerializeToString())
            writer.flush()

    def draw(row: EpochRow) -> None:
        points = {name: getattr(row, name) for name in DRAWN}
        now = time.time()
        add(
            Event(wall_time=now, step=row.step, summary=scalar(name, value))
            for name, value in points.items()
            if value is not None
        )

    first = [Event(wall_time=now, file_version="brain.Event:2")]
    first.append(Event(wall_time=now, graph_def=graph_definition(graph)))
    if step:
        begins = SessionLog(status=SessionLog.START)
        first.append(Event(wall_time=now, step=step + 1, session_log=begins))
    with folder.writing(place=place):
        writer = RecordWriter(str(place))
    try:
        add(first)
        yield draw
    finally:
        with suppress(OSError):  # what could not be written was said by `add`
            writer.close()


def graph_definition(graph: Graph) -> bytes:
    """The graph as TensorBoard's page of graphs reads it: a TensorFlow GraphDef.

    Names, operators and shapes are those of the table; -1 stands for the pictures of a batch.
    """
    from tensorboardX.proto.attr_value_pb2 import AttrValue
    from tensorboardX.proto.graph_pb2 import GraphDef
    from tensorboardX.proto.node_def_pb2 import NodeDef
    from tensorboardX.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboardX.proto.versions_pb2 import VersionDef

    def shape_of(node: Node) -> AttrValue:
        sizes = [TensorShapeProto.Dim(size=size) for size in (-1, *graph.specs[node.name].shape)]
        return AttrValue(list=AttrValue.ListValue(shape=[TensorShapeProto(dim=sizes)]))

    def defined(node: Node) -> NodeDef:
        before = graph.input_specs(node)
        axes = len(before[0].spatial) if before else 0
        written = operator_text(node.operator, axes=axes, shares=node.shares)
        said = AttrValue(s=written.encode())
        more = {"layer": said, "_output_shapes": shape_of(node)}
        return NodeDef(name=node.name, op=written.split()[0], input=node.inputs, attr=more)

    nodes = [defined(node) for node in graph]
    content: bytes = GraphDef(node=nodes, versions=VersionDef(producer=22)).SerializeToString()
    return content
