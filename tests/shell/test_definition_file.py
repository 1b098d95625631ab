import pytest

from stream.segments.pack import pack_name
from stream.segments.source import DefinitionError
from stream.shell.definition_file import read_definitions


def test_without_a_file_it_is_the_built_in_pack():
    content = read_definitions(None)
    assert b"abandoned_cart" in content
    assert pack_name(content) == pack_name(content)


def test_a_file_is_checked_before_anyone_is_told_of_it(tmp_path):
    path = tmp_path / "segments.yaml"
    path.write_text("segments:\n  - name: x\n    purpose: y\n    enter: no_such_feature > 1\n")
    with pytest.raises(DefinitionError) as caught:
        read_definitions(path)
    assert str(path) in str(caught.value)
    path.write_text("segments:\n  - name: buyers\n    purpose: y\n    enter: orders.count >= 1\n")
    assert read_definitions(path) == path.read_bytes()


def test_another_text_has_another_name():
    assert pack_name(b"a") != pack_name(b"b")
