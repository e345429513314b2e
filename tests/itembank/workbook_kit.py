"""A workbook of 17 columns as people begin one: its header and one example row of each kind."""

from itembank.importing.layouts import GUOBIAO as LAYOUT
from itembank.importing.readers import HEADINGS

_SHARED = {"bank": "示例题库", "point": "A-A-A-001", "difficulty": "3（中等）", "consistency": "4（高）"}
_EXAMPLES: tuple[dict[str, str], ...] = (
    {
        "uid": "B-A-A-A-001-001",
        "kind": "B（单选题）",
        "stem": "【示例，导入前请删除】发现初起火情时，首先应当（　　）。",
        "option_A": "报警并组织疏散",
        "option_B": "先收拾财物",
        "option_C": "乘坐电梯离开",
        "option_D": "原地等待",
        "answer": "A",
        "explanation": "单选题：正确答案填一个选项字母。",
    },
    {
        "uid": "G-A-A-A-001-002",
        "kind": "G（多选题）",
        "stem": "【示例，导入前请删除】下列属于灭火器日常检查内容的有（　　）。",
        "option_A": "压力表指针位置",
        "option_B": "铅封是否完好",
        "option_C": "外壳的颜色是否好看",
        "option_D": "是否在有效期内",
        "answer": "ABD",
        "explanation": "多选题：正确答案填两个以上选项字母，中间不用分隔。",
    },
    {
        "uid": "C-A-A-A-001-003",
        "kind": "C（判断题）",
        "stem": "【示例，导入前请删除】疏散通道内可以临时堆放物品。（　　）",
        "answer": "错误",
        "explanation": "判断题：选项留空，正确答案填“正确”或“错误”。",
    },
)


def template_rows() -> list[list[str]]:
    """Rows of text cells: the header, then an example of each kind."""
    rows = [[HEADINGS[name] for name in LAYOUT]]
    for number, example in enumerate(_EXAMPLES, start=1):
        counted = {"sequence": str(number), "number": f"{number:03d}"}
        fields = {**_SHARED, **counted, **example}
        rows.append([fields.get(name, "") for name in LAYOUT])
    return rows
