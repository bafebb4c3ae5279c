"""ONNX files as networks: each node is a small module that calls torch's operator of the same meaning.

So a file has every metric, and runs where a module does. `reading` opens the file and refuses a damaged one, `network`
builds the module, and `operators` has a function per ONNX operator. Weights are read only where they are needed.
"""

from netcost.targets.onnx_files.network import onnx_target

__all__ = ["onnx_target"]
