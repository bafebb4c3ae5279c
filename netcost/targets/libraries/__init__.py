"""Libraries whose classes are targets: transformers and diffusers, and configurations of the Hugging Face hub.

`transformers_classes` builds `transformers:LlamaForCausalLM`, a `config.json` or `hf:org/name` from the configuration
alone; `model_inputs` derives its inputs from the configuration and the signature of its forward, `image_inputs` and
`sound_inputs` make those of other modalities, and `placeholders` sets these into a text. `diffusers_classes` does the
same for `diffusers:UNet2DConditionModel`. `hub` reads the local cache of the hub, and never the network unless it was
allowed. `caches` fills a model's own cache, and `steps` makes a target of one step of generation.

    >>> from netcost.targets import resolve
    >>> target = resolve("transformers:LlamaForCausalLM", {"num_hidden_layers": 2})
    >>> [(spec.name, spec.shape) for spec in target.inputs]
    [('input_ids', (1, 128)), ('attention_mask', (1, 128))]

This belongs here: another library that makes networks from configurations.
"""
