import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.stores.files import sha256, sizes, sync, sync_if_there, whole, write_text


def test_a_file_appears_whole_and_its_folders_with_it(tmp_path):
    path = tmp_path / "runs" / "20131015T0300" / "report.html"

    for text in ("old", "né"):
        write_text(path, text)

    assert path.read_text(encoding="utf-8") == "né"
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_draft_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "night.json"
    write_text(path, "old")

    def fail(draft):
        draft.write_text("half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), whole(path) as draft:
        fail(draft)

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_writers_of_one_file_do_not_write_into_each_other(tmp_path):
    path = tmp_path / "stages.json"
    texts = [str(number) * 10_000 for number in range(8)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: write_text(path, text), texts * 5))

    assert path.read_text() in texts
    assert list(tmp_path.iterdir()) == [path]


def test_the_digest_is_that_of_the_content(tmp_path):
    (tmp_path / "a").write_bytes(b"weights" * 100_000)
    assert sha256(tmp_path / "a") == hashlib.sha256(b"weights" * 100_000).hexdigest()


def test_the_sizes_of_all_files_below_a_folder_are_known_but_not_of_those_that_vanish(tmp_path):
    for name, text in {"a/b/one": "1", "a/two": "22", "gone": ""}.items():
        write_text(tmp_path / name, text)
    found = sizes(tmp_path)
    first = next(found)
    (tmp_path / "a/two").unlink()

    assert first == (tmp_path / "gone", 0)
    assert list(found) == [(tmp_path / "a/b/one", 1)]
    assert list(sizes(tmp_path / "none")) == []


def test_a_file_that_is_gone_is_only_missed_where_it_has_to_be_there(tmp_path):
    sync_if_there(tmp_path / "0.checkpoint.parquet#1")
    with pytest.raises(FileNotFoundError):
        sync(tmp_path / "0.json")
