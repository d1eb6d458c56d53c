"""Memory that is used again: never two tensors on one block, never more held than was in use."""

import torch
from wxml_kernels.reused_memory import SMALLEST, Pool, empty_rows


def test_a_block_is_used_again_only_when_its_tensors_are_gone() -> None:
    pool = Pool()
    first = pool.take(SMALLEST)
    place, view = first.data_ptr(), first[10:]
    del first
    second = pool.take(SMALLEST)
    assert second.data_ptr() != place  # a view is still on it
    del view
    assert pool.take(SMALLEST).data_ptr() == place


def test_it_holds_no_more_than_was_in_use_at_one_time() -> None:
    pool = Pool()
    for size in (SMALLEST, 2 * SMALLEST, 3 * SMALLEST):
        tensor = pool.take(size)
        del tensor
    assert sum(map(len, pool.free)) <= pool.most == 3 * SMALLEST


def test_large_arrays_have_shape_and_dtype() -> None:
    like = torch.zeros(1, dtype=torch.float64)
    rows = SMALLEST // 8 // 16
    for made in (empty_rows(rows, 16, like), empty_rows(3, 16, like)):
        assert made.dtype == torch.float64
        made.fill_(2)
        assert made.sum() == 2 * made.numel()
    assert empty_rows(rows, 16, like, torch.bfloat16).dtype == torch.bfloat16
