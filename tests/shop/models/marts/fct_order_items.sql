select
    i.order_item_id,
    i.order_id,
    i.product_id,
    p.category,
    o.customer_id,
    o.ordered_at,
    i.quantity,
    i.line_amount
from {{ ref('stg_order_items') }} as i
inner join {{ ref('stg_orders') }} as o using (order_id)
inner join {{ ref('stg_products') }} as p using (product_id)
