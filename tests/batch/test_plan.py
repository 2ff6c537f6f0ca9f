import pytest

from csad.batch import plan as planning
from csad.batch.listed import ListedImage, Listing
from csad.batch.plan import Chunk, Plan, divide, put_plan, read_chunks, read_plan
from csad.common.errors import StoreError
from csad.runner.shard import Shard
from tests.batch.conftest import MODEL


def image(name, mark="m"):
    return ListedImage(name, mark, 1, None)


def listing(count):
    return Listing.of("folder", [image(f"{number:06d}.png") for number in range(count)])


def plan_of(*sizes):
    chunks = tuple(Chunk(size, str(index)) for index, size in enumerate(sizes))
    return Plan("kit", MODEL, "folder", "digest", 0, 0, {}, chunks)


def test_images_are_sorted_and_named_once():
    found = Listing.of("list", [image("b"), image("a"), image("b")])
    assert [one.name for one in found.images] == ["a", "b"]
    assert found.duplicates == 1


def test_a_chunk_ends_by_its_names_alone_so_a_new_image_changes_one_chunk():
    before = list(divide(listing(5000)))
    grown = Listing.of("folder", [*listing(5000).images, image("002500-new.png")])
    after = list(divide(grown))

    assert [one for chunk in before for one in chunk] == list(listing(5000).images)
    assert 40 < 5000 / len(before) < 100
    assert max(map(len, before)) <= 256
    lost = [chunk for chunk in before if chunk not in after]
    assert len(lost) == 1
    assert lost[0][0].name < "002500-new.png"


def test_shards_are_neighbours_and_every_chunk_is_in_one():
    plan = plan_of(10, 10, 10, 10, 10, 10)
    assert [plan.chunks_of(Shard(number, 3)) for number in (1, 2, 3)] == [range(2), range(2, 4), range(4, 6)]
    uneven = plan_of(50, 1, 1, 1, 1, 50, 1)
    for of in (1, 2, 3, 5, 20):
        taken = [index for number in range(1, of + 1) for index in uneven.chunks_of(Shard(number, of))]
        assert taken == list(range(7))


def test_more_shards_than_chunks_leave_some_without_work():
    plan = plan_of(5)
    assert [len(plan.chunks_of(Shard(number, 4))) for number in (1, 2, 3, 4)] == [1, 0, 0, 0]


def test_a_plan_comes_back_from_the_store_with_its_images(store, small_chunks):
    address, plan = put_plan(store, "kit", MODEL, listing(8))

    assert read_plan(store, address) == plan
    assert [chunk.images for chunk in plan.chunks] == [3, 3, 2]
    found = list(read_chunks(store, plan, range(1, 3)))
    assert [[one.name[:6] for one in chunk] for chunk in found] == [
        ["000003", "000004", "000005"],
        ["000006", "000007"],
    ]
    assert list(read_chunks(store, plan, range(0))) == []


def test_equal_batches_have_one_address_and_others_have_others(store):
    same = {put_plan(store, "kit", MODEL, listing(3))[0] for _ in range(2)}
    others = {
        put_plan(store, "kit", MODEL, listing(4))[0],
        put_plan(store, "kit", planning.Model(MODEL.version, "other", "def"), listing(3))[0],
        put_plan(store, "kit", MODEL, Listing.of("elsewhere", listing(3).images))[0],
    }
    assert len(same) == 1
    assert len(same | others) == 4


def test_a_list_that_was_changed_is_not_scored(store):
    _, plan = put_plan(store, "kit", MODEL, listing(3))
    (key,) = store.list("batches/kit/lists/")
    content, _ = store.read_bytes(key)
    store.put_bytes(key, content.replace(b"000001", b"000009"))
    with pytest.raises(StoreError, match="its digest does not fit"):
        list(read_chunks(store, plan, range(1)))
    store.put_bytes(key, content[:-10])
    with pytest.raises(StoreError, match="a line of it is no image"):
        list(read_chunks(store, plan, range(1)))
    store.delete([key])
    with pytest.raises(StoreError, match="no longer in the store; start the run again"):
        list(read_chunks(store, plan, range(1)))


@pytest.mark.parametrize("wrong", ["x", "batches/kit/plans/abc", f"batches/kit/plans/{'0' * 64}"])
def test_what_is_no_plan_is_refused(store, wrong):
    with pytest.raises(StoreError, match="is no plan of a batch in the store; start the run again"):
        read_plan(store, wrong)
