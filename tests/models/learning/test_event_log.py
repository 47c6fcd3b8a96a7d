import pytest

from models.learning.event_log import EventLog
from models.learning.training import Progress


def _progress(member, epoch):
    return Progress(
        done=1,
        total=4,
        held_out_loss=0.5 + epoch,
        seconds_left=0,
        member=member,
        epoch=epoch,
        training_loss=0.25 + epoch,
        learning_rate=1e-3,
    )


def _events(folder):
    from tensorflow.compat.v1 import Event
    from tensorflow.data import TFRecordDataset

    (file,) = folder.glob("events.out.tfevents.*")
    return [Event.FromString(record.numpy()) for record in TFRecordDataset(str(file))]


def test_every_epoch_of_a_member_is_an_event_in_its_folder(tmp_path):
    with EventLog(tmp_path / "tcn") as log:
        for member, epoch in [(0, 0), (0, 1), (1, 0)]:
            log.add(_progress(member, epoch))

    first, *epochs = _events(tmp_path / "tcn" / "member-0")
    assert first.file_version == "brain.Event:2"
    assert [event.step for event in epochs] == [0, 1]
    assert {value.tag: value.simple_value for value in epochs[1].summary.value} == pytest.approx(
        {"loss/training": 1.25, "loss/held_out": 1.5, "learning_rate": 1e-3}
    )
    assert len(_events(tmp_path / "tcn" / "member-1")) == 2


def test_an_epoch_can_be_seen_before_the_training_is_over(tmp_path):
    with EventLog(tmp_path) as log:
        log.add(_progress(0, 0))

        assert len(_events(tmp_path / "member-0")) == 2


def test_what_an_earlier_training_left_is_removed(tmp_path):
    for _ in range(2):
        with EventLog(tmp_path / "tcn") as log:
            log.add(_progress(0, 0))
    with EventLog(tmp_path / "tcn"):
        pass

    assert not (tmp_path / "tcn").exists()
