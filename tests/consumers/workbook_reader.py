"""`ops_rank*.xlsx`, as openpyxl and pandas read it: it has vLLM-Omni's sheets and columns, the
trace's time on every sheet, and a readable layout.
"""

import json
import unicodedata

from outcome import Absent, demand, demand_file, quiet

COLUMNS = """name count device_type node_id self_cpu_time_total_us cpu_time_total_us self_cuda_time_total_us cuda_time_total_us
self_xpu_time_total_us xpu_time_total_us self_cpu_memory_usage_bytes cpu_memory_usage_bytes self_cuda_memory_usage_bytes
cuda_memory_usage_bytes self_xpu_memory_usage_bytes xpu_memory_usage_bytes input_shapes stack overload_name is_async
is_legacy""".split()
# Key columns of a row, by sheet.
KEYS = {"summary": [], "by_shape": ["input_shapes"], "by_stack": ["stack"]}
FRAMES = 8


def check(folder, traces):
    try:
        with quiet():
            import openpyxl
            import pandas
    except ImportError as error:
        raise Absent(str(error)) from error
    seen = []
    for trace in traces:
        path = demand_file(folder, f"ops_rank{trace.rank}.xlsx")
        for sheet in openpyxl.load_workbook(path):
            check_layout(sheet)
        sheets = pandas.read_excel(path, sheet_name=None, engine="openpyxl")
        check_stages(folder, trace, sheets.pop("stages"))
        demand("summary" in sheets and set(sheets) <= set(KEYS), f"sheets are {list(sheets)}")
        for name, table in sheets.items():
            check_table(name, table, trace)
        calls = {name: int(table["count"].sum()) for name, table in sheets.items()}
        demand(len(set(calls.values())) == 1, f"sheets count different calls: {calls}")
        rows = ", ".join(f"{name} {len(table)}" for name, table in sheets.items())
        seen.append(f"rank {trace.rank}: rows {rows}; self times are the trace's")
    return "; ".join(seen)


def check_layout(sheet):
    """Checks that the header is frozen and has filters, and that columns are as wide as their
    contents, within limits.
    """
    demand(sheet.freeze_panes == "A2", f"`{sheet.title}` freezes {sheet.freeze_panes}, not the header")
    demand(sheet.auto_filter.ref == sheet.dimensions, f"`{sheet.title}` filters {sheet.auto_filter.ref} of {sheet.dimensions}")
    # The format adds a padding of less than a character.
    widths = [dimension.width for dimension in sheet.column_dimensions.values()]
    demand(all(12 <= width < 81 for width in widths), f"`{sheet.title}` has columns as wide as {widths}")
    setup = sheet.page_setup
    fits = sheet.sheet_properties.pageSetUpPr.fitToPage and (setup.fitToWidth or 1, setup.fitToHeight) == (1, 0)
    demand(fits and setup.orientation == "landscape", f"`{sheet.title}` does not print as wide as a page")
    demand(sheet.print_title_rows == "$1:$1", f"`{sheet.title}` does not print its header on every page")
    demand(all(cell.font.bold for cell in sheet[1]), f"`{sheet.title}` has a header that is not bold")
    for column in sheet.iter_cols(min_row=1):
        check_column(sheet, column[0], column[1:])


def check_column(sheet, head, cells):
    """Checks that the sheet shows no empty column, no number without a format, and no truncated
    text.
    """
    told = [cell for cell in cells if cell.value is not None and cell.value is not False]
    # Adjacent columns of one width are one record.
    hidden = any(each.hidden and each.min <= head.column <= each.max for each in sheet.column_dimensions.values())
    demand(told or hidden or not cells, f"`{head.value}` of `{sheet.title}` is empty, and shown")
    if hidden:
        return
    numbers = [cell for cell in told if isinstance(cell.value, (int, float)) and cell.value is not True]
    naked = [cell.coordinate for cell in numbers if cell.number_format == "General"]
    demand(not naked, f"numbers of `{sheet.title}` without a format: {naked[:5]}")
    for cell in told:
        demand(cell.alignment.vertical == "top", f"{cell.coordinate} of `{sheet.title}` is not at the top")
        if isinstance(cell.value, str):
            lines = len(cell.value.splitlines())
            high = sheet.row_dimensions[cell.row].height or 15
            demand(cell.alignment.wrap_text and high >= min(15 * lines, 409), f"{cell.coordinate} of `{sheet.title}` is cut off")


def check_stages(folder, trace, table):
    """Checks that the sheet of stages has the timing report's stages and the rest."""
    timing = json.loads((folder / f"timing_rank{trace.rank}.json").read_text("utf-8"))
    told = [(name, calls, us) for name, calls, us in zip(table["stage"], table["calls"], to_ns(table["total_us"]))][:-1]
    expected = [(as_cell(stage["name"]), stage["calls"], stage["sum_ns"]) for stage in timing["stages"]]
    demand(told == expected, "`stages` has other stages")


def as_cell(text):
    """Returns a text as a cell holds it: without control characters except line breaks."""
    return "".join(letter for letter in text if letter == "\n" or unicodedata.category(letter) != "Cc")
    demand("unaccounted)" in table["stage"].iloc[-1], "`stages` does not say what is unaccounted for")


def check_table(name, table, trace):
    demand(list(table.columns[: len(COLUMNS)]) == COLUMNS, f"columns of `{name}` are {list(table.columns)}")
    demand(len(table) > 0, f"`{name}` is empty")
    rows = list(table[["name", "device_type", "is_async", "kind", *KEYS[name]]].fillna("").itertuples(index=False, name=None))
    demand(len(set(rows)) == len(rows), f"`{name}` has a row twice")
    for key in KEYS[name]:
        demand(table[key].notna().any(), f"`{name}` has no `{key}`")
    depths = [len(stack.splitlines()) for stack in table["stack"].dropna()]
    demand(max(depths, default=0) <= FRAMES, f"`{name}` has a stack of {max(depths, default=0)} frames")
    own, whole = to_ns(table["self_cpu_time_total_us"]), to_ns(table["cpu_time_total_us"])
    demand(all(0 <= a <= b for a, b in zip(own, whole)), f"`{name}` has a self time above the whole")
    demand(sum(own) == trace.top_level_ns(), f"self times of `{name}` are {sum(own)} ns, the trace's {trace.top_level_ns()} ns")
    check_device(name, table, trace)


def check_device(name, table, trace):
    """Checks that the GPU's rows add up to the trace's kernels, and those of ranges to the work
    that ranges launched.
    """
    times = table["self_cuda_time_total_us"]
    demand(times.notna().all() or not trace.kernels, f"`{name}` does not tell the GPU's times")
    on_device = table["device_type"] == "DeviceType.CUDA"
    for rows, whole in ((on_device, trace.device_ns()), (~on_device, trace.device_ns(launched=True))):
        told = sum(to_ns(times[rows].fillna(0)))
        demand(told == whole, f"GPU times of `{name}` are {told} ns, the trace's {whole} ns")


def to_ns(column):
    return [round(us * 1000) for us in column]
