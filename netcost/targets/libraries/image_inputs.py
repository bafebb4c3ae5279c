"""Images and clips as the classes of transformers take them: as pixels, or cut into patches with their places."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from netcost.targets.libraries.asked import Asked
from netcost.targets.loading import library
from netcost.tracing import GivenInput, Input, InputSpec

SIDE, FRAMES, REGIONS = 224, 16, 36
"""Side of an image (pixels), frames of a clip, and regions of a detector (LXMERT's), where nothing says."""

PARTS = ("vision_config", "prompt_encoder_config", "video_config")


def _image_sides(asked: Asked) -> tuple[int, int]:
    tower = asked.part(*PARTS)
    candidates = [tower, getattr(tower, "vision_config", None), getattr(asked.config, "prompt_encoder_config", None)]
    found = [getattr(part, name, None) for part in candidates for name in ("image_size", "max_img_size")]
    size: Any = next((size for size in found if size), None) or _side_in_timm(candidates)
    if isinstance(size, Mapping):
        size = (size.get("height", SIDE), size.get("width", SIDE))
    high, wide = (size, size) if isinstance(size, int) else tuple(size)[-2:]
    return (high // 2 if asked.wants("prompt_pixel_values") else high, wide)  # the prompt stands above the image


def _side_in_timm(parts: list[Any]) -> int:
    """Return the side of images that an architecture of timm takes; the default where there is none."""
    name = next((found for part in parts if isinstance(found := getattr(part, "architecture", None), str)), None)
    known = None if name is None else library("timm", f"timm:{name}", "timm").get_pretrained_cfg(name)
    return SIDE if known is None else int(known.input_size[-1])


def _channels(asked: Asked) -> int:
    return asked.first("num_channels in_channels in_chans", 3, asked.part("vision_config"))


def _frames(asked: Asked) -> int:
    """Return the frames of a sample; 0 for an image."""
    is_video = hasattr(asked.config, "video_token_index") and not hasattr(asked.config, "image_token_index")
    default = FRAMES if is_video and not asked.wants("pixel_values_videos") else 0
    return asked.first("num_frames", default, asked.part("vision_config"))


def _image(asked: Asked) -> InputSpec:
    several: tuple[int, ...] = ()
    if type(asked.config).__name__.removesuffix("Config") in _pair_matchers():
        several = (2,)
    elif asked.wants("image_attention_mask", "pixel_attention_mask"):  # as many images as a text has
        several = (1,)
    elif (tiles := _tiled(asked)) is not None:
        several = (tiles,)
    elif frames := _frames(asked):
        several = (frames,)
    return InputSpec((asked.batch, *several, _channels(asked), *_image_sides(asked)))


def _tiled(asked: Asked) -> int | None:
    """Return the tiles of an image of the first size that the configuration allows, and the whole image, made small."""
    sizes = getattr(asked.config, "image_grid_pinpoints", None)
    if not sizes or not asked.wants("image_sizes"):
        return None
    high, wide = _image_sides(asked)
    return 1 + (int(sizes[0][0]) // high) * (int(sizes[0][1]) // wide)


def _image_sizes(asked: Asked) -> GivenInput:
    """Return height and width of each image, in pixels."""
    size = asked.config.image_grid_pinpoints[0] if _tiled(asked) else _image_sides(asked)
    return GivenInput(torch.tensor([[*size]] * asked.batch))


def _pair_matchers() -> frozenset[str]:
    """Name the families that find the same points in two images."""
    auto = library("transformers.models.auto.modeling_auto", "transformers", "transformers")
    names = auto.MODEL_FOR_KEYPOINT_MATCHING_MAPPING_NAMES.values()
    return frozenset(name.removesuffix("ForKeypointMatching") for name in names)


def _clip(asked: Asked) -> InputSpec:
    frames = asked.first("frames_per_clip num_frames", FRAMES, asked.part("vision_config"))
    return InputSpec((asked.batch, frames, _channels(asked), *_image_sides(asked)))


def _merging(asked: Asked) -> int:
    """Return how many patches per side become one."""
    return asked.first("spatial_merge_size pooling_kernel_size merge_size", 2, asked.part("vision_config"))


def _side(asked: Asked) -> int:
    """Return the patches per side of an image, as many as can be merged without a rest."""
    merged = _merging(asked)
    return SIDE // asked.first("patch_size", 14, asked.part("vision_config")) // merged * merged


def _grid(asked: Asked) -> GivenInput:
    """Return time, height and width of one image or clip, in patches, per sample."""
    return GivenInput(torch.tensor([[1, _side(asked), _side(asked)]] * asked.batch))


def _patch_rows(asked: Asked) -> InputSpec:
    """Return the patches of all images as rows, as the towers of Qwen's models take them."""
    tower = asked.part("vision_config")
    grid: torch.Tensor = _grid(asked).value
    frames = asked.first("temporal_patch_size patch_temporal", 1, tower)
    width = asked.first("patch_size", 14, tower) ** 2 * frames
    return InputSpec((int(grid.prod(-1).sum()), _channels(asked) * width))


def _places(asked: Asked) -> torch.Tensor:
    """Return row and column of each patch of one image."""
    number = asked.number("num_patches", asked.part("vision_config"))
    side = int(number**0.5) if number else _side(asked)
    return torch.cartesian_prod(torch.arange(side), torch.arange(side))


def _has_places(asked: Asked) -> bool:
    return asked.wants("spatial_shapes", *PLACES)


PLACES = ("pixel_position_ids", "image_position_ids")
"""Names of the rows and columns of patches."""


def _patches(asked: Asked) -> InputSpec:
    """Return the patches of each image (N, patches, pixels), as the towers take them that keep an image's shape."""
    width = asked.first("patch_size", 16, asked.part("vision_config")) ** 2
    return InputSpec((asked.batch, len(_places(asked)), _channels(asked) * width))


def _pixels(asked: Asked) -> InputSpec:
    if _has_places(asked):
        return _patches(asked)
    return _patch_rows(asked) if asked.wants("grid_thw", "image_grid_thw") else _image(asked)


def _pixel_mask(asked: Asked) -> InputSpec | None:
    """Return the mask of patches, or of pixels where the forward asks for it."""
    if asked.wants("spatial_shapes"):
        return InputSpec((asked.batch, len(_places(asked))), "int64")
    batch, several, _, *sides = _image(asked).shape
    return InputSpec((batch, several, *sides), "int64") if len(sides) == 2 else None


def _shapes(asked: Asked) -> GivenInput:
    """Return height and width of each image, in patches."""
    side = int(len(_places(asked)) ** 0.5)
    return GivenInput(torch.tensor([[side, side]] * asked.batch))


def _target_sizes(asked: Asked) -> GivenInput:
    sides = (side // asked.first("patch_size", 14, asked.part("vision_config")) for side in _image_sides(asked))
    return GivenInput(torch.tensor([[*sides]] * asked.batch))


def _seen(asked: Asked) -> InputSpec:
    """Return the mask of the images that each token sees."""
    return InputSpec((asked.batch, asked.length, 1), "int64")


def _regions(asked: Asked, name: str) -> InputSpec | None:
    width = asked.number(name)
    return InputSpec((asked.batch, REGIONS, width)) if width else None


MAKERS: dict[str, Callable[[Asked], Input | None]] = {
    "pixel_values": _pixels,
    "pixel_values_videos": _clip,
    "pixel_attention_mask": _pixel_mask,
    "spatial_shapes": _shapes,
    **dict.fromkeys(PLACES, lambda asked: GivenInput(_places(asked).expand(asked.batch, -1, -1).contiguous())),
    "target_sizes": _target_sizes,
    "image_attention_mask": _seen,
    "prompt_pixel_values": _image,
    "prompt_masks": _image,
    "visual_feats": lambda asked: _regions(asked, "visual_feat_dim"),
    "visual_pos": lambda asked: _regions(asked, "visual_pos_dim"),
    "hidden_states": lambda asked: _patch_rows(asked) if asked.wants("grid_thw") else None,
    "grid_thw": _grid,
    "image_grid_thw": _grid,
    "image_sizes": _image_sizes,
    "image_merge_sizes": lambda asked: GivenInput(torch.full((asked.batch,), _merging(asked))),
    "merge_sizes": lambda asked: GivenInput(torch.ones(asked.batch, dtype=torch.int64)),
}
"""The maker of each input, by its name in the library's forwards; None where it cannot be made."""
