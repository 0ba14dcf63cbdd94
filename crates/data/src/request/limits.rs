//! How much a request may ask for before it is refused. Every bound answers 400 and names itself in `details`.

/// Bounds on what is parsed. The defaults are far above what clients send and far below what hurts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the undecoded query string.
    pub query_bytes_max: usize,
    /// Levels of embedding in `select`.
    pub select_depth_max: usize,
    /// Items of all levels of `select` together.
    pub select_items_max: usize,
    /// Embeds of all levels together.
    pub embeds_max: usize,
    /// Filters of all levels, those inside `and`/`or` included.
    pub filters_max: usize,
    /// Levels of `and`/`or` inside each other.
    pub logic_depth_max: usize,
    /// Elements of one `in` list or quantified array.
    pub list_elements_max: usize,
    /// Steps of one JSON path.
    pub path_steps_max: usize,
    /// Terms of all `order` parameters together.
    pub order_terms_max: usize,
    /// Names in `columns` or `on_conflict`, and columns of a payload.
    pub columns_max: usize,
    /// Rows of a payload.
    pub rows_max: usize,
    /// Cells (rows × columns) of a payload.
    pub cells_max: usize,
    /// Levels of arrays and objects inside each other in a JSON body.
    pub json_depth_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            query_bytes_max: 64 * 1024,
            select_depth_max: 16,
            select_items_max: 2_000,
            embeds_max: 100,
            filters_max: 500,
            logic_depth_max: 16,
            list_elements_max: 10_000,
            path_steps_max: 64,
            order_terms_max: 100,
            columns_max: 1_600,
            rows_max: 100_000,
            cells_max: 2_000_000,
            json_depth_max: 128,
        }
    }
}
