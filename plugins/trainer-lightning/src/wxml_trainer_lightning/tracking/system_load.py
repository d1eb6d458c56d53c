"""The load of the machine, by the names that MLflow gives it."""

__all__ = ["SystemLoad"]

import psutil
import torch

MB = 1e6


class SystemLoad:
    """Processors, memory, disks, network and GPUs of this machine; what was read and sent counts from call to call."""

    def __init__(self) -> None:
        self._before = self._counted()
        psutil.cpu_percent()  # the first call has nothing to compare with

    def numbers(self) -> dict[str, float]:
        """The load by name, such as `system/cpu_utilization_percentage`."""
        now, before, self._before = self._counted(), self._before, self._counted()
        memory = psutil.virtual_memory()
        rates = {f"system/{name}_megabytes": (now[name] - before[name]) / MB for name in now}
        return {
            "system/cpu_utilization_percentage": psutil.cpu_percent(),
            "system/system_memory_usage_megabytes": memory.used / MB,
            "system/system_memory_usage_percentage": memory.percent,
            "system/process_memory_usage_megabytes": psutil.Process().memory_info().rss / MB,
            **rates,
            **_gpus(),
        }

    def _counted(self) -> dict[str, float]:
        disk, network = psutil.disk_io_counters(), psutil.net_io_counters()
        counted: dict[str, float] = {}
        if disk is not None:  # a container may hide them
            counted |= {"disk_read": disk.read_bytes, "disk_write": disk.write_bytes}
        if network is not None:
            counted |= {"network_receive": network.bytes_recv, "network_transmit": network.bytes_sent}
        return counted


def _gpus() -> dict[str, float]:
    """The memory that this process holds on each GPU that it uses."""
    if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return {}
    numbers = {}
    for number in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(number)
        numbers[f"system/gpu_{number}_memory_usage_megabytes"] = (total - free) / MB
        numbers[f"system/gpu_{number}_memory_usage_percentage"] = 100 * (total - free) / total
    return numbers
