{{ config(materialized='view') }}
select
    p.product_id,
    p.product_name,
    p.category,
    p.list_price,
    cast(coalesce(sum(i.quantity), 0) as bigint) as units_sold
from {{ ref('stg_products') }} as p
left join {{ ref('stg_order_items') }} as i using (product_id)
group by all
