"""Memory that is used again: never two tensors on one block, and bounds on what is kept."""

import mmap

import pytest
import torch
from wxml_kernels import memory_pool
from wxml_kernels.memory_pool import SMALLEST, MemoryPool, empty_rows


def pool(most_free: int = 100 * SMALLEST) -> MemoryPool:
    return MemoryPool(most_free)


def free_bytes(pool: MemoryPool) -> int:
    return sum(map(len, pool.free))


def test_a_block_is_used_again_only_when_its_tensors_are_gone() -> None:
    blocks = pool()
    first = blocks.take(SMALLEST)
    place, view = first.data_ptr(), first[10:]
    del first
    second = blocks.take(SMALLEST)
    assert second.data_ptr() != place  # a view is still on it
    del view
    assert blocks.take(SMALLEST).data_ptr() == place


def test_it_holds_no_more_than_was_in_use_at_one_time() -> None:
    blocks = pool()
    for size in (SMALLEST, 2 * SMALLEST, 3 * SMALLEST):
        tensor = blocks.take(size)
        del tensor
    assert free_bytes(blocks) <= blocks.peak == 3 * SMALLEST


def test_free_blocks_beyond_the_bound_go_back_to_the_system() -> None:
    """Three blocks return one after the other; the oldest goes, and its memory is unmapped."""
    blocks = pool(most_free=2 * SMALLEST)
    tensors = [blocks.take(SMALLEST) for _ in range(3)]
    assert (blocks.in_use, free_bytes(blocks)) == (3 * SMALLEST, 0)
    second, third = (tensor.data_ptr() for tensor in tensors[1:])
    while tensors:
        del tensors[0]
    assert (blocks.in_use, free_bytes(blocks)) == (0, 2 * SMALLEST)
    assert {blocks.take(SMALLEST).data_ptr(), blocks.take(SMALLEST).data_ptr()} <= {second, third}


def test_a_block_larger_than_the_bound_is_not_kept() -> None:
    blocks = pool(most_free=SMALLEST)
    tensor = blocks.take(2 * SMALLEST)
    tensor.fill_(1)
    assert tensor.sum() == 2 * SMALLEST
    del tensor
    assert (blocks.in_use, blocks.free) == (0, [])


def test_clear_gives_every_free_block_back() -> None:
    blocks = pool()
    tensor, kept = blocks.take(SMALLEST), blocks.take(SMALLEST)
    del tensor
    blocks.clear()
    assert (blocks.free, blocks.in_use) == ([], SMALLEST)
    kept.fill_(3)
    assert kept.sum() == 3 * SMALLEST


def test_a_request_that_fails_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = pool()
    held = blocks.take(SMALLEST)

    def fail(*_: object, **__: object) -> mmap.mmap:
        raise OSError(12, "Cannot allocate memory")

    with monkeypatch.context() as patch:
        patch.setattr(memory_pool.mmap, "mmap", fail)
        with pytest.raises(OSError, match="Cannot allocate memory"):
            blocks.take(50 * SMALLEST)
    assert (blocks.in_use, blocks.peak) == (SMALLEST, SMALLEST)
    assert len(blocks.take(2 * SMALLEST)) == 2 * SMALLEST
    assert len(held) == SMALLEST


def test_large_arrays_have_shape_and_dtype() -> None:
    like = torch.zeros(1, dtype=torch.float64)
    rows = SMALLEST // 8 // 16
    for made in (empty_rows(rows, 16, like), empty_rows(3, 16, like)):
        assert made.dtype == torch.float64
        made.fill_(2)
        assert made.sum() == 2 * made.numel()
    assert empty_rows(rows, 16, like, torch.bfloat16).dtype == torch.bfloat16
