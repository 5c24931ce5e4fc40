"""What the page says, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, str]] = {
    "picture": ("Picture", "图片"),
    "draw": ("Draw here", "在此绘制"),
    "clear": ("Clear", "清除"),
    "test": ("Test picture", "测试图片"),
    "file": ("Open, drop or paste a picture", "打开、拖放或粘贴图片"),
    "values": ("Values", "数值"),
    "gradients": ("Gradients", "梯度"),
    "kernels": ("Kernels", "卷积核"),
    "every": ("All nodes", "全部节点"),
    "blocks": ("Blocks", "模块"),
    "more": ("show all", "显示全部"),
    "why": ("Why", "为什么"),
    "ask": ("Ask for a number", "询问一个数"),
    "go": ("Ask", "询问"),
    "term": ("product", "乘积"),
    "factors": ("factors", "因子"),
    "sum": ("sum", "和"),
    "stored": ("stored (float32)", "存储值 (float32)"),
    "residual": ("residual", "残差"),
    "others": ("other products", "其余乘积"),
    "copy": ("Copy link", "复制链接"),
    "copied": ("copied", "已复制"),
    "hint": (
        "Click any number: a cell of a map, a unit, a kernel. Every factor is a link.",
        "点击任意一个数：特征图的格子、神经元、卷积核。每个因子都是链接。",
    ),
    "target": ("target", "目标类别"),
    "sees": ("sees", "感受野"),
    "products": ("products", "个乘积"),
    "nearer": ("nearer", "放大"),
    "farther": ("farther", "缩小"),
    "dark": ("Dark", "深色"),
    "light": ("Light", "浅色"),
}
"""A key for each text: English, Chinese."""

LANGUAGES = ("en", "zh")


def words_of(language: str) -> dict[str, str]:
    """Every text in one language; in English where there is no such language.

    >>> words_of("zh")["sum"]
    '和'
    """
    place = LANGUAGES.index(language) if language in LANGUAGES else 0
    return {key: texts[place] for key, texts in WORDS.items()}
