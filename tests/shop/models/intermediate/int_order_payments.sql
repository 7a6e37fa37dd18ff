select
    o.order_id,
    o.customer_id,
    coalesce(sum(p.amount) filter (where not p.is_refund), 0) as paid_amount,
    coalesce(-sum(p.amount) filter (where p.is_refund), 0) as refunded_amount
from {{ ref('stg_orders') }} as o
left join {{ ref('stg_payments') }} as p using (order_id)
group by o.order_id, o.customer_id
