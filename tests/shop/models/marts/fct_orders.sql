{{ config(materialized='incremental', unique_key='order_id') }}
with amounts as (
    select order_id, sum(line_amount) as order_amount
    from {{ ref('stg_order_items') }}
    group by order_id
)

select
    o.order_id,
    o.customer_id,
    o.status,
    o.ordered_at,
    coalesce(a.order_amount, 0) as order_amount,
    p.paid_amount,
    p.refunded_amount
from {{ ref('stg_orders') }} as o
left join amounts as a using (order_id)
left join {{ ref('int_order_payments') }} as p using (order_id)
{% if is_incremental() %}
where o.ordered_at >= (select max(ordered_at) - interval '30 days' from {{ this }})
{% endif %}
